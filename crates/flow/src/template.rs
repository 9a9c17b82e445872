//! Fills payload templates: `Parameters`, `ResultSelector`, `ItemSelector`.
//!
//! A document whose members named `….$` are paths goes in; filled, it has the values found there.

use serde_json::Value;

use crate::errors::RUNTIME;
use crate::history::Failure;
use crate::path::{Path, Scope};

/// A document with holes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Template {
    Literal(Value),
    Path(Path),
    Object(Vec<(String, Template)>),
    List(Vec<Template>),
}

impl Template {
    /// Reads a template. The error has the place in it, `.a[0].b.$`, and the reason.
    pub(crate) fn parse(value: &Value) -> Result<Self, (String, String)> {
        let within = |place: String| {
            move |(inside, reason): (String, String)| (format!("{place}{inside}"), reason)
        };
        match value {
            Value::Object(members) => {
                let read = members.iter().map(|(name, value)| {
                    let place = format!(".{name}");
                    let Some(plain) = name.strip_suffix(".$") else {
                        let inner = Self::parse(value).map_err(within(place))?;
                        return Ok((name.clone(), inner));
                    };
                    let Some(text) = value.as_str() else {
                        return Err((place, "a path is expected".to_owned()));
                    };
                    let path = Path::parse(text).map_err(|reason| (place, reason))?;
                    Ok((plain.to_owned(), Self::Path(path)))
                });
                read.collect::<Result<_, _>>().map(Self::Object)
            }
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let read = items
                    .map(|(index, item)| Self::parse(item).map_err(within(format!("[{index}]"))));
                read.collect::<Result<_, _>>().map(Self::List)
            }
            plain => Ok(Self::Literal(plain.clone())),
        }
    }

    /// The document with its holes filled.
    pub(crate) fn fill(&self, scope: Scope<'_>) -> Result<Value, Failure> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Path(path) => path.find(scope).cloned().ok_or_else(|| Failure {
                // The specification says `States.ParameterPathFailure`; AWS says this.
                error: RUNTIME.to_owned(),
                cause: format!("the path `{}` leads to nothing", path.text()),
            })?,
            Self::Object(members) => {
                let filled =
                    members.iter().map(|(name, inner)| Ok((name.clone(), inner.fill(scope)?)));
                Value::Object(filled.collect::<Result<_, Failure>>()?)
            }
            Self::List(items) => {
                Value::Array(items.iter().map(|item| item.fill(scope)).collect::<Result<_, _>>()?)
            }
        })
    }

    /// Names of the members, as they are once it is filled.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::Object(members) => members.iter().map(|(name, _)| name.as_str()).collect(),
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_that_are_paths_are_filled_at_every_depth() {
        let template =
            json!({"a.$": "$.x", "b": {"c.$": "$$.n"}, "d": [{"e.$": "$.x"}, "$.x"], "f": "$.x"});
        let template = Template::parse(&template).expect("it is a template");
        let (input, context) = (json!({"x": [1]}), json!({"n": 2}));
        let filled = template.fill(Scope { input: &input, context: &context });
        let expected = json!({"a": [1], "b": {"c": 2}, "d": [{"e": [1]}, "$.x"], "f": "$.x"});
        assert_eq!(filled, Ok(expected));
        assert_eq!(template.names(), ["a", "b", "d", "f"]);
    }

    #[test]
    fn a_path_that_leads_nowhere_is_a_failure_that_nothing_mends() {
        let template = Template::parse(&json!({"a.$": "$.x"})).expect("it is a template");
        let nothing = json!({});
        let failure = template.fill(Scope { input: &nothing, context: &nothing }).unwrap_err();
        assert_eq!(failure.error, RUNTIME);
        assert_eq!(failure.cause, "the path `$.x` leads to nothing");
    }

    #[test]
    fn a_fault_has_its_place() {
        let place = |value: Value| Template::parse(&value).unwrap_err().0;
        assert_eq!(place(json!({"a": [{"b.$": "x"}]})), ".a[0].b.$");
        assert_eq!(place(json!({"a.$": 1})), ".a.$");
    }
}
