//! Reads the rules of a `Choice`, and tells which of them hold.

use std::fmt::{self, Display, Formatter};

use serde_json::Value;

use crate::compare::{Is, Kind, Relation, matches};
use crate::errors::RUNTIME;
use crate::fields::Fields;
use crate::history::Failure;
use crate::path::{Path, Scope};
use crate::refusal::Refusal;

/// A condition, and the state that follows where it holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Branch {
    pub(crate) condition: Condition,
    pub(crate) next: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Test(Path, Test),
}

/// What is asked of a variable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Relation(Kind, Relation, Operand),
    Matches(String),
    Is(Is, bool),
}

/// What a variable is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Operand {
    Value(Value),
    Path(Path),
}

impl Branch {
    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, Refusal> {
        let next = fields.needed_text("Next")?.to_owned();
        Ok(Self { condition: Condition::read(fields)?, next })
    }
}

impl Condition {
    fn read(mut fields: Fields<'_>) -> Result<Self, Refusal> {
        for (field, make) in [("And", Self::And as fn(Vec<Self>) -> Self), ("Or", Self::Or)] {
            let inner = fields.objects(field)?;
            if !inner.is_empty() {
                fields.end()?;
                return inner.into_iter().map(Self::read).collect::<Result<_, _>>().map(make);
            }
        }
        if let Some(inner) = fields.object("Not")? {
            fields.end()?;
            return Ok(Self::Not(Box::new(Self::read(inner)?)));
        }
        let Some(variable) = fields.path("Variable")? else {
            return fields.refuse("Variable", "it is missing");
        };
        let test = Test::read(&mut fields)?;
        fields.end()?;
        Ok(Self::Test(variable, test))
    }

    /// Whether it holds. A variable that is not there can't be compared, only asked for.
    pub(crate) fn holds(&self, scope: Scope<'_>) -> Result<bool, Failure> {
        let all = |conditions: &[Self], wanted: bool| {
            for condition in conditions {
                if condition.holds(scope)? != wanted {
                    return Ok(!wanted);
                }
            }
            Ok(wanted)
        };
        match self {
            Self::And(conditions) => all(conditions, true),
            Self::Or(conditions) => all(conditions, false),
            Self::Not(condition) => Ok(!condition.holds(scope)?),
            Self::Test(variable, Test::Is(Is::Present, wanted)) => {
                Ok(variable.find(scope).is_some() == *wanted)
            }
            Self::Test(variable, test) => test.holds(found(variable, scope)?, scope),
        }
    }
}

impl Test {
    fn read(fields: &mut Fields<'_>) -> Result<Self, Refusal> {
        if let Some(pattern) = fields.text("StringMatches")? {
            return Ok(Self::Matches(pattern.to_owned()));
        }
        for (is, field) in Is::NAMES {
            if let Some(value) = fields.take(field) {
                return match value.as_bool() {
                    Some(wanted) => Ok(Self::Is(is, wanted)),
                    None => fields.refuse(field, "true or false is expected"),
                };
            }
        }
        let Some(field) = fields.names().into_iter().find(|name| comparison(name).is_some()) else {
            return fields
                .refuse(fields.names().first().unwrap_or(&""), "no comparison is known here");
        };
        let Some((kind, relation, is_path)) = comparison(field) else {
            return fields.refuse(field, "no comparison is known here");
        };
        let operand = if is_path {
            fields.path(field)?.map(Operand::Path)
        } else {
            fields.take(field).cloned().map(Operand::Value)
        };
        match operand {
            // What does not equal itself is of another kind.
            Some(Operand::Value(value)) if !Relation::Equals.holds(kind, &value, &value) => {
                fields.refuse(field, "the value is of another kind")
            }
            Some(operand) => Ok(Self::Relation(kind, relation, operand)),
            None => fields.refuse(field, "it is missing"),
        }
    }

    fn holds(&self, value: &Value, scope: Scope<'_>) -> Result<bool, Failure> {
        Ok(match self {
            Self::Is(is, wanted) => is.holds(value) == *wanted,
            Self::Matches(pattern) => value.as_str().is_some_and(|text| matches(pattern, text)),
            Self::Relation(kind, relation, Operand::Value(other)) => {
                relation.holds(*kind, value, other)
            }
            Self::Relation(kind, relation, Operand::Path(path)) => {
                relation.holds(*kind, value, found(path, scope)?)
            }
        })
    }
}

/// The condition, for people: `$.verified.again.count > 0`.
impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut Formatter<'_>, conditions: &[Self], word: &str| {
            let texts: Vec<_> =
                conditions.iter().map(|condition| format!("({condition})")).collect();
            f.write_str(&texts.join(word))
        };
        match self {
            Self::And(conditions) => joined(f, conditions, " and "),
            Self::Or(conditions) => joined(f, conditions, " or "),
            Self::Not(condition) => write!(f, "not ({condition})"),
            Self::Test(variable, test) => {
                let variable = variable.text();
                match test {
                    Test::Relation(_, relation, Operand::Value(value)) => {
                        write!(f, "{variable} {} {value}", relation.sign())
                    }
                    Test::Relation(_, relation, Operand::Path(path)) => {
                        write!(f, "{variable} {} {}", relation.sign(), path.text())
                    }
                    Test::Matches(pattern) => write!(f, "{variable} matches {pattern}"),
                    Test::Is(is, wanted) => {
                        let name = Is::NAMES.iter().find(|(known, _)| known == is);
                        let name = name.map_or("", |(_, name)| name.trim_start_matches("Is"));
                        let not = if *wanted { "" } else { "not " };
                        write!(f, "{variable} is {not}{}", name.to_lowercase())
                    }
                }
            }
        }
    }
}

/// The comparison that a field names, and whether it is with what a path leads to.
fn comparison(field: &str) -> Option<(Kind, Relation, bool)> {
    let (name, is_path) = match field.strip_suffix("Path") {
        Some(name) => (name, true),
        None => (field, false),
    };
    Relation::named(name).map(|(kind, relation)| (kind, relation, is_path))
}

fn found<'a>(path: &Path, scope: Scope<'a>) -> Result<&'a Value, Failure> {
    path.find(scope).ok_or_else(|| Failure {
        error: RUNTIME.to_owned(),
        cause: format!("the variable `{}` is not there", path.text()),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(rule: Value) -> Result<Condition, Refusal> {
        Condition::read(Fields::of("S", "Choices[0]", &rule)?)
    }

    fn holds(rule: Value) -> Result<bool, String> {
        let input = json!({"n": 3, "m": 4, "s": "text", "z": null, "at": "2026-01-31T12:00:00Z"});
        let scope = Scope { input: &input, context: &json!({}) };
        read(rule).expect("it is a rule").holds(scope).map_err(|failure| failure.error)
    }

    #[test]
    fn conditions_are_shown_as_formulas() {
        let shown = |rule: Value| read(rule).unwrap().to_string();
        assert_eq!(shown(json!({"Variable": "$.n", "NumericGreaterThan": 0})), "$.n > 0");
        assert_eq!(shown(json!({"Variable": "$.s", "StringEqualsPath": "$.t"})), "$.s = $.t");
        assert_eq!(shown(json!({"Variable": "$.s", "StringMatches": "t*"})), "$.s matches t*");
        assert_eq!(shown(json!({"Variable": "$.z", "IsNull": false})), "$.z is not null");
        let both = json!({"And": [
            {"Variable": "$.n", "NumericEquals": 3},
            {"Not": {"Variable": "$.s", "StringEquals": "x"}},
        ]});
        assert_eq!(shown(both), r#"($.n = 3) and (not ($.s = "x"))"#);
    }

    #[test]
    fn conditions_are_combined() {
        let yes = json!({"Variable": "$.n", "NumericEquals": 3});
        let no = json!({"Variable": "$.n", "NumericEquals": 4});
        assert_eq!(holds(json!({"And": [yes, yes]})), Ok(true));
        assert_eq!(holds(json!({"And": [yes, no]})), Ok(false));
        assert_eq!(holds(json!({"Or": [no, yes]})), Ok(true));
        assert_eq!(holds(json!({"Or": [no, {"Not": yes}]})), Ok(false));
        assert_eq!(holds(json!({"Not": {"And": [yes, no]}})), Ok(true));
    }

    #[test]
    fn a_variable_is_compared_with_a_value_or_with_another() {
        assert_eq!(holds(json!({"Variable": "$.n", "NumericLessThanPath": "$.m"})), Ok(true));
        assert_eq!(holds(json!({"Variable": "$.s", "StringMatches": "t*t"})), Ok(true));
        assert_eq!(holds(json!({"Variable": "$.z", "IsNull": true})), Ok(true));
        assert_eq!(holds(json!({"Variable": "$.s", "IsNumeric": false})), Ok(true));
        assert_eq!(holds(json!({"Variable": "$.at", "IsTimestamp": true})), Ok(true));
        assert_eq!(holds(json!({"Variable": "$.n", "StringEquals": "3"})), Ok(false));
    }

    #[test]
    fn a_variable_that_is_not_there_may_only_be_asked_for() {
        assert_eq!(holds(json!({"Variable": "$.x", "IsPresent": false})), Ok(true));
        let error = Err("States.Runtime".to_owned());
        assert_eq!(holds(json!({"Variable": "$.x", "NumericEquals": 1})), error);
        assert_eq!(holds(json!({"Variable": "$.n", "NumericEqualsPath": "$.x"})), error);
    }

    #[test]
    fn a_rule_that_is_not_known_is_refused_with_its_place() {
        for (rule, field) in [
            (json!({"Variable": "$.n"}), "Choices[0]."),
            (json!({"Variable": "$.n", "NumericAbout": 3}), "Choices[0].NumericAbout"),
            (json!({"Variable": "$.n", "NumericEquals": "3"}), "Choices[0].NumericEquals"),
            (
                json!({"Variable": "$.n", "NumericEquals": 3, "IsNull": true}),
                "Choices[0].NumericEquals",
            ),
            (json!({"NumericEquals": 3}), "Choices[0].Variable"),
            (json!({"And": [{"Variable": "n", "IsNull": true}]}), "Choices[0].And[0].Variable"),
            (json!({"Variable": "$.n", "IsPresent": "yes"}), "Choices[0].IsPresent"),
        ] {
            assert_eq!(read(rule).unwrap_err().field, field);
        }
    }
}
