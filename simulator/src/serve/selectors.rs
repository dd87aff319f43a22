//! Label and field selectors.

use serde_json::Value;

use super::resources::Resource;
use super::status::Failure;

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

#[derive(Clone, Debug)]
struct FieldTerm {
    pointer: String,
    value: String,
    equal: bool,
}

impl Selector {
    /// Reads both selectors.
    pub(super) fn parse(resource: &Resource, labels: &str, fields: &str) -> Result<Self, Failure> {
        let refused =
            |why: String| Failure::bad_request(format!("unable to parse requirement: {why}"));
        Ok(Self {
            labels: LabelParser::new(labels).parse().map_err(refused)?,
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

impl FieldTerm {
    fn matches(&self, object: &Value) -> bool {
        let found = match object.pointer(&self.pointer) {
            None | Some(Value::Null) if self.pointer == "/spec/unschedulable" => "false".to_owned(),
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        (found == self.value) == self.equal
    }
}

fn parse_fields(resource: &Resource, selector: &str) -> Result<Vec<FieldTerm>, Failure> {
    let terms = selector.split(',').filter(|term| !term.is_empty());
    terms.map(|term| parse_field(resource, term)).collect()
}

fn parse_field(resource: &Resource, term: &str) -> Result<FieldTerm, Failure> {
    let (field, value, equal) = if let Some((field, value)) = term.split_once("!=") {
        (field, value, false)
    } else if let Some((field, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        (field, value, true)
    } else {
        let message = format!("invalid selector: '{term}'; can't understand '{term}'");
        return Err(Failure::bad_request(message));
    };
    let pointer = pointer(resource, field)
        .ok_or_else(|| Failure::bad_request(format!("field label not supported: {field}")))?;
    Ok(FieldTerm {
        pointer,
        value: value.to_owned(),
        equal,
    })
}

/// Where a field that can be selected by is in the stored object.
fn pointer(resource: &Resource, field: &str) -> Option<String> {
    let everywhere = ["metadata.name", "metadata.namespace"];
    let here: &[&str] = match resource.plural.as_str() {
        "pods" if resource.is_core("pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "events" if resource.is_core("events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "type",
        ],
        "nodes" => &["spec.unschedulable"],
        "namespaces" => &["status.phase"],
        "jobs" => &["status.successful"],
        "secrets" => &["type"],
        _ => &[],
    };
    // The newer group of events has another word for the same field.
    let field = field.replacen("regarding.", "involvedObject.", 1);
    let known = everywhere.contains(&field.as_str()) || here.contains(&field.as_str());
    known.then(|| format!("/{}", field.replace('.', "/")))
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
        while !self.peek().is_empty() {
            requirements.push(self.requirement()?);
            match self.next() {
                "" => break,
                "," if !self.peek().is_empty() => {}
                "," => return Err("found '', expected: identifier after ','".to_owned()),
                other => return Err(format!("found '{other}', expected: ',' or 'end of string'")),
            }
        }
        Ok(requirements)
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let absent = self.peek() == "!";
        if absent {
            self.next();
        }
        let key = self.identifier("identifier")?;
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
        let value = self.identifier("identifier")?;
        let why = |_| "for 'Gt', 'Lt' operators, the value must be an integer".to_owned();
        value.parse().map_err(why)
    }

    fn values(&mut self) -> Result<Vec<String>, String> {
        match self.next() {
            "(" => {}
            other => return Err(format!("found '{other}', expected: '('")),
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
        for selector in ["a===b", "a in b", "a in (b", "a,", "=b", "a b", "a>x", "()"] {
            let refused = Selector::parse(&pods(), selector, "").unwrap_err();
            assert_eq!(refused.code, 400, "{selector}");
            assert!(refused.message.starts_with("unable to parse requirement: "));
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
    }
}
