//! What names, label keys and label values may look like, in the words of Kubernetes' validation
//! (`k8s.io/apimachinery/pkg/util/validation`).

/// How long a label's value, and the last part of its key, may be.
const LABEL_MAX: usize = 63;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must \
     start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and \
     end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const KEY: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
     character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
     '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must \
     start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
     validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// What is wrong with a name such as `example.com`, which most objects have.
pub(super) fn subdomain(name: &str) -> Option<&'static str> {
    let fits = name.len() <= 253 && name.split('.').all(is_label);
    (!fits).then_some(SUBDOMAIN)
}

/// What is wrong with a name such as `my-name`, which namespaces and containers have.
pub(super) fn label(name: &str) -> Option<&'static str> {
    (name.len() > LABEL_MAX || !is_label(name)).then_some(LABEL)
}

/// What is wrong with a label's key such as `example.com/app`; annotations and finalizers have such names, too.
pub(super) fn key(key: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let parts: Vec<&str> = key.split('/').collect();
    let name = match parts.as_slice() {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                errors.push("prefix part must be non-empty".to_owned());
            } else {
                errors.extend(subdomain(prefix).map(|why| format!("prefix part {why}")));
            }
            name
        }
        _ => {
            let optional =
                "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {KEY} {optional}")];
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > LABEL_MAX {
        errors.push(format!("name part must be no more than {LABEL_MAX} bytes"));
    }
    if !is_word(name) {
        errors.push(format!("name part {KEY}"));
    }
    errors
}

/// What is wrong with a label's value.
pub(super) fn value(value: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if value.len() > LABEL_MAX {
        errors.push(format!("must be no more than {LABEL_MAX} bytes"));
    }
    if !value.is_empty() && !is_word(value) {
        errors.push(VALUE.to_owned());
    }
    errors
}

fn is_label(label: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    label.starts_with(alphanumeric)
        && label.ends_with(alphanumeric)
        && label.chars().all(|c| alphanumeric(c) || c == '-')
}

fn is_word(word: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_alphanumeric();
    word.starts_with(alphanumeric)
        && word.ends_with(alphanumeric)
        && word.chars().all(|c| alphanumeric(c) || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_grammar() {
        assert!(subdomain("a.b-c.d").is_none() && subdomain("a..b").is_some());
        assert!(label("a-b").is_none() && label("a.b").is_some() && label("").is_some());
        assert!(key("example.com/App_1").is_empty() && key("app").is_empty());
        assert_eq!(key("/a"), ["prefix part must be non-empty"]);
        assert_eq!(key("a/").len(), 2);
        assert!(key("a/b/c")[0].starts_with("a valid label key must"));
        assert!(value("").is_empty() && value("a.b").is_empty());
        assert_eq!(value(&"-".repeat(64)).len(), 2);
    }
}
