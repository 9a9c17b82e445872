//! Cuts and fills the data around the work of a state.
//!
//! In: the input as it comes, through `InputPath` and `Parameters`. Out: the result through
//! `ResultSelector`, put in the input by `ResultPath`, and cut by `OutputPath`.

use serde_json::{Value, json};

use crate::errors::RUNTIME;
use crate::fields::Fields;
use crate::history::Failure;
use crate::path::{Path, Scope};
use crate::refusal::Refusal;
use crate::template::Template;

/// The fields of a state that say what it sees and what it leaves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Data {
    input: Lens,
    pub(crate) parameters: Option<Template>,
    selector: Option<Template>,
    result: Place,
    output: Lens,
}

/// `InputPath` or `OutputPath`: a part of a document, or nothing.
#[derive(Debug, Clone, PartialEq)]
enum Lens {
    Whole,
    Part(Path),
    Nothing,
}

/// `ResultPath`: where a result is put in the input.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    /// The result takes the place of the input.
    Whole,
    At(Path),
    /// The result is thrown away.
    Nowhere,
}

/// Which of the fields a type of state has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Has {
    pub(crate) parameters: bool,
    pub(crate) selector: bool,
    pub(crate) result: bool,
    pub(crate) lenses: bool,
}

impl Data {
    pub(crate) fn read(fields: &mut Fields<'_>, has: Has) -> Result<Self, Refusal> {
        let lenses = has.lenses;
        Ok(Self {
            input: if lenses { Lens::read(fields, "InputPath")? } else { Lens::Whole },
            parameters: if has.parameters { fields.template("Parameters")? } else { None },
            selector: if has.selector { fields.template("ResultSelector")? } else { None },
            result: if has.result { Place::read(fields)? } else { Place::Whole },
            output: if lenses { Lens::read(fields, "OutputPath")? } else { Lens::Whole },
        })
    }

    /// What `InputPath` leaves of the input.
    pub(crate) fn seen(&self, scope: Scope<'_>) -> Result<Value, Failure> {
        self.input.apply(scope)
    }

    /// What the state works on: what is seen, put in the form of `Parameters`.
    pub(crate) fn given(&self, scope: Scope<'_>) -> Result<Value, Failure> {
        let seen = self.seen(scope)?;
        match &self.parameters {
            Some(template) => template.fill(Scope { input: &seen, context: scope.context }),
            None => Ok(seen),
        }
    }

    /// The output of a state with this input, whose work had this result.
    pub(crate) fn left(
        &self,
        result: Value,
        input: &Value,
        context: &Value,
    ) -> Result<Value, Failure> {
        let result = match &self.selector {
            Some(template) => template.fill(Scope { input: &result, context })?,
            None => result,
        };
        let whole = self.result.put(input, result)?;
        self.output.apply(Scope { input: &whole, context })
    }
}

impl Lens {
    fn read(fields: &mut Fields<'_>, field: &str) -> Result<Self, Refusal> {
        match fields.take(field) {
            None => Ok(Self::Whole),
            Some(Value::Null) => Ok(Self::Nothing),
            Some(Value::String(text)) => match Path::parse(text) {
                Ok(path) => Ok(Self::Part(path)),
                Err(reason) => fields.refuse(field, reason),
            },
            Some(_) => fields.refuse(field, "a path or null is expected"),
        }
    }

    fn apply(&self, scope: Scope<'_>) -> Result<Value, Failure> {
        match self {
            Self::Whole => Ok(scope.input.clone()),
            Self::Nothing => Ok(json!({})),
            Self::Part(path) => path.find(scope).cloned().ok_or_else(|| Failure {
                error: RUNTIME.to_owned(),
                cause: format!("the path `{}` leads to nothing", path.text()),
            }),
        }
    }
}

impl Place {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Result<Self, Refusal> {
        const FIELD: &str = "ResultPath";
        match fields.take(FIELD) {
            None => Ok(Self::Whole),
            Some(Value::Null) => Ok(Self::Nowhere),
            Some(Value::String(text)) => match Path::parse_target(text) {
                Ok(path) => Ok(Self::At(path)),
                Err(reason) => fields.refuse(FIELD, reason),
            },
            Some(_) => fields.refuse(FIELD, "a path or null is expected"),
        }
    }

    /// The value that stands at this path of a document, if there is one.
    pub(crate) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        match self {
            Self::Whole => Some(document),
            Self::Nowhere => None,
            Self::At(path) => path.find(Scope { input: document, context: &Value::Null }),
        }
    }

    /// The input with the result in it.
    pub(crate) fn put(&self, input: &Value, result: Value) -> Result<Value, Failure> {
        match self {
            Self::Whole => Ok(result),
            Self::Nowhere => Ok(input.clone()),
            Self::At(path) => path.put(input.clone(), result).ok_or_else(|| Failure {
                error: "States.ResultPathMatchFailure".to_owned(),
                cause: format!("nothing can be put at `{}` of the input", path.text()),
            }),
        }
    }
}
