//! Reads numbers and texts that a state has itself or finds in its input: `TimeoutSeconds` or
//! `TimeoutSecondsPath`, `Error` or `ErrorPath`.

use serde_json::Value;

use crate::errors::RUNTIME;
use crate::fields::Fields;
use crate::history::Failure;
use crate::path::{Path, Scope};
use crate::refusal::Refusal;

/// A number from 0, given or found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Amount {
    Given(f64),
    Found(Path),
}

/// A text, given or found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Text {
    Given(String),
    Found(Path),
}

impl Amount {
    /// Reads `field`, or `field` with `Path` at its end.
    pub(crate) fn read(fields: &mut Fields<'_>, field: &str) -> Result<Option<Self>, Refusal> {
        let given = fields.number(field)?;
        if given.is_some_and(|number| number < 0.0) {
            return fields.refuse(field, "a number from 0 is expected");
        }
        either(fields, field, given.map(Self::Given), Self::Found)
    }

    pub(crate) fn of(&self, scope: Scope<'_>) -> Result<f64, Failure> {
        match self {
            Self::Given(number) => Ok(*number),
            Self::Found(path) => {
                let number =
                    path.find(scope).and_then(Value::as_f64).filter(|number| *number >= 0.0);
                number.ok_or_else(|| unfit(path, "a number from 0"))
            }
        }
    }
}

impl Text {
    /// Reads `field`, or `field` with `Path` at its end.
    pub(crate) fn read(fields: &mut Fields<'_>, field: &str) -> Result<Option<Self>, Refusal> {
        let given = fields.text(field)?.map(|text| Self::Given(text.to_owned()));
        either(fields, field, given, Self::Found)
    }

    pub(crate) fn of(&self, scope: Scope<'_>) -> Result<String, Failure> {
        match self {
            Self::Given(text) => Ok(text.clone()),
            Self::Found(path) => {
                let text = path.find(scope).and_then(Value::as_str);
                text.map(str::to_owned).ok_or_else(|| unfit(path, "a text"))
            }
        }
    }
}

fn either<T>(
    fields: &mut Fields<'_>,
    field: &str,
    given: Option<T>,
    found: fn(Path) -> T,
) -> Result<Option<T>, Refusal> {
    let other = format!("{field}Path");
    match (given, fields.path(&other)?) {
        (Some(_), Some(_)) => fields.refuse(&other, format!("it is given by `{field}` already")),
        (given, path) => Ok(given.or(path.map(found))),
    }
}

fn unfit(path: &Path, expected: &str) -> Failure {
    let cause = format!("the path `{}` does not lead to {expected}", path.text());
    Failure { error: RUNTIME.to_owned(), cause }
}
