//! Reads a `Map`.

use crate::amount::Amount;
use crate::fields::Fields;
use crate::machine::States;
use crate::path::Path;
use crate::refusal::Refusal;
use crate::template::Template;

/// A map: states that are gone through for each item of a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Map {
    pub(crate) mode: Mode,
    pub(crate) list: List,
    pub(crate) selector: Option<Template>,
    /// How many items run at once; nothing and 0 stand for no limit.
    pub(crate) concurrency: Option<Amount>,
    pub(crate) tolerated_count: Option<Amount>,
    pub(crate) tolerated_percentage: Option<Amount>,
    pub(crate) states: States,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Items are a part of the execution.
    Inline,
    /// Each item is an execution of its own.
    Distributed { label: Option<String>, is_express: bool },
}

/// Where the items are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum List {
    /// In the input: all of it, or what a path leads to.
    Input(Option<Path>),
    /// In an object, whose bucket and key these are.
    Object(Template),
}

/// What reads an object with items.
const GET_OBJECT: &str = "arn:aws:states:::s3:getObject";

impl Map {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Result<Self, Refusal> {
        let label = fields.text("Label")?.map(str::to_owned);
        let Some(mut processor) = fields.object("ItemProcessor")? else {
            return fields.refuse("ItemProcessor", "it is missing");
        };
        let mode = match processor.object("ProcessorConfig")? {
            None => Mode::Inline,
            Some(config) => Mode::read(config, label.clone())?,
        };
        let states = States::read(&mut processor)?;
        processor.end()?;
        let is_distributed = mode != Mode::Inline;
        if !is_distributed && label.is_some() {
            return fields.refuse("Label", "only a distributed map has one");
        }
        let list = match fields.object("ItemReader")? {
            Some(reader) if is_distributed => read_reader(reader)?,
            Some(_) => return fields.refuse("ItemReader", "only a distributed map has one"),
            None => List::Input(fields.path("ItemsPath")?),
        };
        let mut tolerated = |field: &str| {
            let amount = Amount::read(fields, field)?;
            match amount {
                Some(_) if !is_distributed => fields.refuse(field, "only a distributed map has it"),
                amount => Ok(amount),
            }
        };
        Ok(Self {
            tolerated_count: tolerated("ToleratedFailureCount")?,
            tolerated_percentage: tolerated("ToleratedFailurePercentage")?,
            concurrency: Amount::read(fields, "MaxConcurrency")?,
            selector: fields.template("ItemSelector")?,
            mode,
            list,
            states,
        })
    }
}

impl Mode {
    fn read(mut fields: Fields<'_>, label: Option<String>) -> Result<Self, Refusal> {
        let mode = fields.one_of("Mode", &["INLINE", "DISTRIBUTED"])?;
        let kind = fields.one_of("ExecutionType", &["STANDARD", "EXPRESS"])?;
        match (mode, kind) {
            (None | Some("INLINE"), Some(_)) => {
                fields.refuse("ExecutionType", "only a distributed map has one")
            }
            (None | Some("INLINE"), None) => fields.end().map(|()| Self::Inline),
            (Some(_), None) => fields.refuse("ExecutionType", "it is missing"),
            (Some(_), Some(kind)) => {
                let is_express = kind == "EXPRESS";
                fields.end().map(|()| Self::Distributed { label, is_express })
            }
        }
    }
}

/// `ItemReader`: one JSON object, which is a list.
fn read_reader(mut fields: Fields<'_>) -> Result<List, Refusal> {
    let resource = fields.needed_text("Resource")?;
    if resource != GET_OBJECT {
        return fields.refuse("Resource", format!("`{resource}` is not known"));
    }
    if let Some(mut config) = fields.object("ReaderConfig")? {
        if config.one_of("InputType", &["JSON"])?.is_none() {
            return config.refuse("InputType", "it is missing");
        }
        config.end()?;
    } else {
        return fields.refuse("ReaderConfig", "it is missing");
    }
    let parameters = fields.template("Parameters")?;
    let mut names = parameters.as_ref().map(Template::names).unwrap_or_default();
    names.sort_unstable();
    match parameters.as_ref() {
        Some(template) if names == ["Bucket", "Key"] => {
            let list = List::Object(template.clone());
            fields.end().map(|()| list)
        }
        _ => fields.refuse("Parameters", "a Bucket and a Key are expected, and nothing else"),
    }
}
