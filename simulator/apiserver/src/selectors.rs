//! Selectors, and those by labels.

use serde_json::Value;

use super::fields::{FieldTerm, parse_fields};
use super::names;
use super::resources::Resource;
use super::status::Failure;
use super::value::{items, text};

/// What objects a list or a watch is about.
#[derive(Clone, Debug, Default)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<FieldTerm>,
}

#[derive(Clone, Debug)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug)]
enum Operator {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    DoesNotExist,
    GreaterThan(i64),
    LessThan(i64),
}

impl Selector {
    /// Reads both selectors.
    pub(super) fn parse(resource: &Resource, labels: &str, fields: &str) -> Result<Self, Failure> {
        Ok(Self {
            labels: LabelParser::new(labels)
                .parse()
                .map_err(Failure::bad_request)?,
            fields: parse_fields(resource, fields)?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels
            .iter()
            .all(|requirement| requirement.matches(labels))
            && self.fields.iter().all(|term| term.matches(object))
    }
}

/// Whether a selector in an object, `metav1.LabelSelector`, means these labels. None means nothing, an empty one all.
pub(super) fn selects(selector: &Value, labels: &Value) -> bool {
    if selector.is_null() {
        return false;
    }
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut equal = equal.map(|(name, value)| labels[name.as_str()] == *value);
    let mut others = items(selector, "/matchExpressions").iter().map(|one| {
        let values = items(one, "/values").iter().filter_map(Value::as_str);
        let values = values.map(str::to_owned).collect();
        let operator = match text(one, "/operator") {
            "In" => Operator::In(values),
            "NotIn" => Operator::NotIn(values),
            "Exists" => Operator::Exists,
            _ => Operator::DoesNotExist,
        };
        let key = text(one, "/key").to_owned();
        Requirement { key, operator }.matches(labels)
    });
    equal.all(|fits| fits) && others.all(|fits| fits)
}

impl Requirement {
    fn matches(&self, labels: &Value) -> bool {
        let value = labels[self.key.as_str()].as_str();
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.operator {
            Operator::In(values) => value.is_some_and(|v| values.iter().any(|one| one == v)),
            Operator::NotIn(values) => !value.is_some_and(|v| values.iter().any(|one| one == v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan(bound) => number().is_some_and(|number| number > *bound),
            Operator::LessThan(bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

/// Kubernetes' grammar: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
struct LabelParser<'a> {
    rest: &'a str,
}

impl<'a> LabelParser<'a> {
    const fn new(rest: &'a str) -> Self {
        Self { rest }
    }

    fn parse(mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        loop {
            match self.peek() {
                "" => return Ok(requirements),
                word if begins_requirement(word) => {}
                other => {
                    let expected = "!, identifier, or 'end of string'";
                    return Err(format!("found '{other}', expected: {expected}"));
                }
            }
            let requirement = self.requirement();
            let refused = |why| format!("unable to parse requirement: {why}");
            requirements.push(requirement.map_err(refused)?);
            match (self.next(), self.peek()) {
                ("", _) => return Ok(requirements),
                (",", word) if begins_requirement(word) => {}
                (",", other) => {
                    return Err(format!("found '{other}', expected: identifier after ','"));
                }
                (other, _) => {
                    return Err(format!("found '{other}', expected: ',' or 'end of string'"));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let absent = self.peek() == "!";
        if absent {
            self.next();
        }
        let key = self.identifier("identifier")?;
        let errors = names::key(&key);
        if !errors.is_empty() {
            return Err(format!(
                "<nil>: Invalid value: \"{key}\": {}",
                errors.join("; ")
            ));
        }
        if absent {
            let operator = Operator::DoesNotExist;
            return Ok(Requirement { key, operator });
        }
        let operator = match self.peek() {
            "" | "," => Operator::Exists,
            operator => {
                self.next();
                self.operator(operator)?
            }
        };
        check_values(&key, &operator)?;
        Ok(Requirement { key, operator })
    }

    fn operator(&mut self, operator: &str) -> Result<Operator, String> {
        Ok(match operator {
            "=" | "==" => Operator::In(vec![self.value()?]),
            "!=" => Operator::NotIn(vec![self.value()?]),
            "in" => Operator::In(self.values()?),
            "notin" => Operator::NotIn(self.values()?),
            ">" => Operator::GreaterThan(self.number()?),
            "<" => Operator::LessThan(self.number()?),
            other => {
                let expected = "in, notin, =, ==, !=, gt, lt";
                return Err(format!("found '{other}', expected: {expected}"));
            }
        })
    }

    /// A value may be empty.
    fn value(&mut self) -> Result<String, String> {
        match self.peek() {
            "" | "," => Ok(String::new()),
            _ => self.identifier("identifier"),
        }
    }

    fn number(&mut self) -> Result<i64, String> {
        let value = self.value()?;
        let why = |_| {
            let why = "for 'Gt', 'Lt' operators, the value must be an integer";
            format!("values[0]: Invalid value: \"{value}\": {why}")
        };
        value.parse().map_err(why)
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        match self.next() {
            "(" => {}
            other => return Err(format!("found '{other}' expected: '('")),
        }
        let mut values = Vec::new();
        loop {
            match self.peek() {
                "," | ")" => values.push(String::new()),
                _ => values.push(self.identifier("',', ')' or identifier")?),
            }
            match self.next() {
                "," => {}
                ")" => return Ok(values),
                other => return Err(format!("found '{other}', expected: ',' or ')'")),
            }
        }
    }

    fn identifier(&mut self, expected: &str) -> Result<String, String> {
        match self.next() {
            word if word.chars().all(is_special) => {
                Err(format!("found '{word}', expected: {expected}"))
            }
            word => Ok(word.to_owned()),
        }
    }

    fn peek(&self) -> &'a str {
        Self { rest: self.rest }.next()
    }

    /// The next word or operator; nothing at the end.
    fn next(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        let operator = ["==", "!="].into_iter().find(|two| rest.starts_with(two));
        let len = match rest.chars().next() {
            None => 0,
            Some(_) if operator.is_some() => 2,
            Some(first) if is_special(first) => first.len_utf8(),
            Some(_) => rest
                .find(|c: char| is_special(c) || c.is_whitespace())
                .unwrap_or(rest.len()),
        };
        let (word, rest) = rest.split_at(len);
        self.rest = rest;
        word
    }
}

/// A word, or the exclamation mark before one.
fn begins_requirement(word: &str) -> bool {
    word == "!" || !word.chars().all(is_special)
}

fn check_values(key: &str, operator: &Operator) -> Result<(), String> {
    let (Operator::In(values) | Operator::NotIn(values)) = operator else {
        return Ok(());
    };
    for (at, value) in values.iter().enumerate() {
        let errors = names::value(value);
        if !errors.is_empty() {
            let why = errors.join("; ");
            return Err(format!(
                "values[{at}][{key}]: Invalid value: \"{value}\": {why}"
            ));
        }
    }
    Ok(())
}

fn is_special(c: char) -> bool {
    "=!(),<>".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pods() -> Resource {
        Resource {
            plural: "pods".to_owned(),
            ..Resource::default()
        }
    }

    fn selects(labels: &str, object: &Value) -> bool {
        Selector::parse(&pods(), labels, "")
            .unwrap()
            .matches(object)
    }

    fn selects_field(fields: &str, object: &Value) -> bool {
        Selector::parse(&pods(), "", fields)
            .unwrap()
            .matches(object)
    }

    #[test]
    fn labels_are_selected_by_every_operator() {
        let pod = json!({"metadata": {"labels": {"app": "web", "rank": "7", "empty": ""}}});
        for (selector, expected) in [
            ("", true),
            ("app", true),
            ("!app", false),
            ("app=web", true),
            ("app==web", true),
            ("app!=web", false),
            ("tier!=web", true),
            ("empty=", true),
            ("app in (db, web)", true),
            ("app in (db)", false),
            ("app notin (db)", true),
            ("tier notin (db)", true),
            ("rank>6", true),
            ("rank<7", false),
            ("app=web,rank>6,!tier", true),
            ("app=web,tier", false),
        ] {
            assert_eq!(selects(selector, &pod), expected, "{selector}");
        }
    }

    #[test]
    fn labels_that_cannot_be_read_are_refused() {
        for (selector, inside) in [
            ("a===b", true),
            ("a in b", true),
            ("a in (b", true),
            ("a>x", true),
            ("a=-", true),
            ("-a", true),
            ("a,", false),
            ("=b", false),
            ("a b", true),
            ("()", false),
        ] {
            let refused = Selector::parse(&pods(), selector, "").unwrap_err();
            assert_eq!(refused.code, 400, "{selector}");
            let prefixed = refused.message.starts_with("unable to parse requirement: ");
            assert_eq!(prefixed, inside, "{selector}: {}", refused.message);
        }
    }

    #[test]
    fn fields_are_selected_where_the_resource_has_them() {
        let pod = json!({"metadata": {"name": "p"}, "status": {"phase": "Pending"}});
        assert!(selects_field("metadata.name=p,status.phase!=Failed", &pod));
        assert!(selects_field("spec.nodeName=", &pod));
        assert!(!selects_field("status.phase==Running", &pod));
        let refused = Selector::parse(&pods(), "", "status.reason=x").unwrap_err();
        assert_eq!(refused.message, "field label not supported: status.reason");
        assert!(Selector::parse(&pods(), "", "metadata.name").is_err());
        assert!(!selects_field("metadata.name=a\\,p", &pod));
        assert!(Selector::parse(&pods(), "", "metadata.name=a\\p").is_err());
    }
}
