//! Reads an object of a document field by field, so that no field is passed over.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::path::Path;
use crate::refusal::Refusal;
use crate::template::Template;

/// The fields of an object that were not read yet.
pub(crate) struct Fields<'a> {
    state: String,
    /// Where the object lies in its state: empty, or `Retry[0].`.
    within: String,
    rest: BTreeMap<&'a str, &'a Value>,
}

type Read<T> = Result<T, Refusal>;

impl<'a> Fields<'a> {
    /// The fields of an object of a state; `within` is its place in it.
    pub(crate) fn of(state: &str, within: &str, value: &'a Value) -> Read<Self> {
        let Some(object) = value.as_object() else {
            return Err(Refusal {
                state: state.to_owned(),
                field: within.to_owned(),
                reason: "an object is expected".to_owned(),
            });
        };
        let within = if within.is_empty() { String::new() } else { format!("{within}.") };
        let rest = object.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let mut fields = Self { state: state.to_owned(), within, rest };
        // Comments may stand anywhere, and say nothing to a machine.
        fields.rest.remove("Comment");
        Ok(fields)
    }

    pub(crate) fn state(&self) -> &str {
        &self.state
    }

    pub(crate) fn refuse<T>(&self, field: &str, reason: impl Into<String>) -> Read<T> {
        let field = format!("{}{field}", self.within);
        Err(Refusal { state: self.state.clone(), field, reason: reason.into() })
    }

    /// A field, if it is there.
    pub(crate) fn take(&mut self, field: &str) -> Option<&'a Value> {
        self.rest.remove(field)
    }

    /// The objects of a list, each with its fields.
    pub(crate) fn objects(&mut self, field: &str) -> Read<Vec<Fields<'a>>> {
        let Some(value) = self.take(field) else { return Ok(Vec::new()) };
        let Some(list) = value.as_array() else { return self.refuse(field, "a list is expected") };
        let within = |index| format!("{}{field}[{index}]", self.within);
        let entries = list.iter().enumerate();
        entries.map(|(index, entry)| Self::of(&self.state, &within(index), entry)).collect()
    }

    /// An object, with its fields.
    pub(crate) fn object(&mut self, field: &str) -> Read<Option<Fields<'a>>> {
        let within = format!("{}{field}", self.within);
        self.take(field).map(|value| Self::of(&self.state, &within, value)).transpose()
    }

    pub(crate) fn text(&mut self, field: &str) -> Read<Option<&'a str>> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => self.refuse(field, "a text is expected"),
        }
    }

    pub(crate) fn needed_text(&mut self, field: &str) -> Read<&'a str> {
        match self.text(field)? {
            Some(text) => Ok(text),
            None => self.refuse(field, "it is missing"),
        }
    }

    /// A text that is one of these.
    pub(crate) fn one_of(
        &mut self,
        field: &str,
        known: &[&'static str],
    ) -> Read<Option<&'static str>> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        match known.iter().find(|word| **word == text) {
            Some(word) => Ok(Some(word)),
            None => self.refuse(field, format!("`{text}` is not one of {}", known.join(", "))),
        }
    }

    pub(crate) fn count(&mut self, field: &str) -> Read<Option<u64>> {
        match self.take(field) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(count) => Ok(Some(count)),
                None => self.refuse(field, "a whole number from 0 is expected"),
            },
        }
    }

    pub(crate) fn number(&mut self, field: &str) -> Read<Option<f64>> {
        match self.take(field) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) => Ok(Some(number)),
                None => self.refuse(field, "a number is expected"),
            },
        }
    }

    pub(crate) fn path(&mut self, field: &str) -> Read<Option<Path>> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        Path::parse(text).map(Some).or_else(|reason| self.refuse(field, reason))
    }

    pub(crate) fn template(&mut self, field: &str) -> Read<Option<Template>> {
        let Some(value) = self.take(field) else { return Ok(None) };
        let read = Template::parse(value).map(Some);
        read.or_else(|(inside, reason)| self.refuse(&format!("{field}{inside}"), reason))
    }

    /// Names of the fields that were not read yet.
    pub(crate) fn names(&self) -> Vec<&'a str> {
        self.rest.keys().copied().collect()
    }

    /// Says that all was read: what is left is not known.
    pub(crate) fn end(self) -> Read<()> {
        match self.rest.keys().next() {
            Some(field) => self.refuse(field, "the field is not known here"),
            None => Ok(()),
        }
    }
}
