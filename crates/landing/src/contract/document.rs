//! A document read with its paths, collecting faults.

use serde_json::{Map, Value};

use super::Fault;
use crate::dialect::parse_byte;
use crate::patterns::Patterns;

/// The faults found so far.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) faults: Vec<Fault>,
    /// The memory that is left for the contract's patterns.
    pub(super) patterns: Patterns,
}

/// A value of the document and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node<'v> {
    path: String,
    value: &'v Value,
}

/// An object of the document and where it stands.
pub(super) struct Object<'v> {
    path: String,
    map: &'v Map<String, Value>,
}

impl<'v> Node<'v> {
    pub(super) fn root(value: &'v Value) -> Self {
        Self { path: String::new(), value }
    }

    pub(super) fn fault(&self, reading: &mut Reading, message: String) {
        reading.faults.push(Fault { path: self.path.clone(), message });
    }

    /// An object in which no other keys than `allowed` stand.
    pub(super) fn object(&self, reading: &mut Reading, allowed: &[&str]) -> Option<Object<'v>> {
        let Value::Object(map) = self.value else {
            self.fault(reading, format!("expected an object, found {}", self.kind()));
            return None;
        };
        for key in map.keys().filter(|key| !allowed.contains(&key.as_str())) {
            let path = join(&self.path, key);
            reading.faults.push(Fault { path, message: format!("is not known here; allowed: {}", allowed.join(", ")) });
        }
        Some(Object { path: self.path.clone(), map })
    }

    pub(super) fn list(&self, reading: &mut Reading) -> Vec<Node<'v>> {
        let Value::Array(items) = self.value else {
            self.fault(reading, format!("expected a list, found {}", self.kind()));
            return Vec::new();
        };
        items.iter().enumerate().map(|(index, value)| Node { path: format!("{}[{index}]", self.path), value }).collect()
    }

    /// The item at `index` of a list that is known to have one.
    pub(super) fn item(&self, index: usize) -> Node<'v> {
        let value = self.value.get(index).unwrap_or(&Value::Null);
        Node { path: format!("{}[{index}]", self.path), value }
    }

    pub(super) fn text(&self, reading: &mut Reading) -> Option<&'v str> {
        match self.value {
            Value::String(text) => Some(text),
            _ => {
                self.fault(reading, format!("expected text, found {}", self.kind()));
                None
            }
        }
    }

    /// A scalar as the text that a CSV field would hold.
    pub(super) fn scalar(&self, reading: &mut Reading) -> Option<String> {
        match self.value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => {
                self.fault(reading, format!("expected a single value, found {}", self.kind()));
                None
            }
        }
    }

    pub(super) fn texts(&self, reading: &mut Reading) -> Vec<String> {
        self.list(reading).iter().filter_map(|node| node.scalar(reading)).collect()
    }

    pub(super) fn boolean(&self, reading: &mut Reading) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(*value),
            _ => {
                self.fault(reading, format!("expected true or false, found {}", self.kind()));
                None
            }
        }
    }

    pub(super) fn count(&self, reading: &mut Reading) -> Option<u64> {
        match self.value.as_u64() {
            Some(count) => Some(count),
            None => {
                self.fault(reading, format!("expected a whole number from 0, found {}", self.kind()));
                None
            }
        }
    }

    /// A single byte: see [`parse_byte`].
    pub(super) fn byte(&self, reading: &mut Reading) -> Option<u8> {
        let text = self.text(reading)?;
        let byte = parse_byte(text);
        if byte.is_none() {
            self.fault(reading, format!("`{text}` is not a single ASCII character, `\\t`, or a byte such as `\\x1f`"));
        }
        byte
    }

    pub(super) fn choice<T: Copy>(&self, reading: &mut Reading, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(reading)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|(name, _)| name.escape_default().to_string()).collect();
            self.fault(reading, format!("`{text}` is not allowed; allowed: {}", names.join(", ")));
        }
        found
    }

    pub(super) fn is_object(&self) -> bool {
        self.value.is_object()
    }

    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(super) fn is_text(&self) -> bool {
        self.value.is_string()
    }

    pub(super) fn is_null(&self) -> bool {
        self.value.is_null()
    }

    fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

impl<'v> Object<'v> {
    pub(super) fn get(&self, key: &str) -> Option<Node<'v>> {
        self.map.get(key).map(|value| Node { path: join(&self.path, key), value })
    }

    pub(super) fn required(&self, reading: &mut Reading, key: &str) -> Option<Node<'v>> {
        let node = self.get(key);
        if node.is_none() {
            reading.faults.push(Fault { path: join(&self.path, key), message: "is missing".to_owned() });
        }
        node
    }
}

/// Where a key of the object at `path` stands; one without a letter in quotes, or it would not be seen.
fn join(path: &str, key: &str) -> String {
    let key = if key.trim().is_empty() { format!("{key:?}") } else { key.to_owned() };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
