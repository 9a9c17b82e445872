//! Reads a document property by property, and collects faults with their paths and places.

use csv_records::dialect::{Token, parse_byte};
use granit_parser::ScalarStyle;
use row_sql::patterns::Patterns;
use row_sql::{Column, Expression, Flaw};
use wording::nearest;

use super::tree::{Document, Found, Value};

/// What YAML 1.2 reads as nothing, if it is not in quotes.
const NULLS: [&str; 4] = ["null", "Null", "NULL", "~"];
/// What is said where nothing is written and a text should be.
const HINT: &str =
    "; a text that is empty, or begins with a sign such as `#` or `&`, stands in quotes";
/// Most names that words are compared with, of all faults of a document together: a document may
/// have a million faults.
const MOST_COMPARED: usize = 200_000;

/// Reads an expression over columns.
pub(super) type ReadExpression = dyn FnMut(&str, &[Column], &Patterns) -> Result<Expression, Flaw>;

/// The faults found so far.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) faults: Vec<Found>,
    /// How expressions are read. `None`: there are none in what is read.
    pub(super) expressions: Option<Box<ReadExpression>>,
    /// The memory that is left for the contract's patterns.
    pub(super) patterns: Patterns,
    /// Names that words were compared with.
    compared: usize,
}

/// A value of the document and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node<'v> {
    path: String,
    document: &'v Document<'v>,
    index: u32,
    /// The byte at which its key stands, or it itself.
    key: u32,
}

/// An object of the document and where it stands.
pub(super) struct Object<'v> {
    path: String,
    document: &'v Document<'v>,
    pairs: &'v [(u32, u32)],
    at: u32,
}

impl Reading {
    /// With faults that were found before.
    pub(super) fn after(faults: Vec<Found>, expressions: Box<ReadExpression>) -> Self {
        Self { faults, expressions: Some(expressions), ..Self::default() }
    }

    /// What somebody may have meant by a word that is not known, as a question before what is
    /// allowed; empty, if nothing
    /// is near.
    pub(super) fn meant<'a>(
        &mut self,
        word: &str,
        names: impl ExactSizeIterator<Item = &'a str>,
    ) -> String {
        self.compared = self.compared.saturating_add(names.len());
        let near = if self.compared <= MOST_COMPARED { nearest(word, names) } else { None };
        near.map_or_else(String::new, |near| format!("did you mean `{near}`? "))
    }
}

impl<'v> Node<'v> {
    pub(super) fn root(document: &'v Document<'v>) -> Self {
        let index = document.root();
        Self { path: String::new(), document, index, key: document.node(index).start }
    }

    pub(super) fn fault(&self, reading: &mut Reading, message: String) {
        self.fault_at(reading, self.at(), message);
    }

    /// A fault of a character of this text, from 1 in its line: where that stands in the document,
    /// if it can be told.
    pub(super) fn fault_within(
        &self,
        reading: &mut Reading,
        line: u64,
        column: u64,
        message: String,
    ) {
        let at = self.document.place_within(self.index, line, column);
        self.fault_at(reading, at.unwrap_or_else(|| self.at()), message);
    }

    /// A fault of what its key says.
    pub(super) fn key_fault(&self, reading: &mut Reading, message: String) {
        self.fault_at(reading, self.key, message);
    }

    fn fault_at(&self, reading: &mut Reading, at: u32, message: String) {
        reading.faults.push(Found { at, path: self.path.clone(), message });
    }

    /// Where it stands; nothing stands where its key does.
    fn at(&self) -> u32 {
        match self.value() {
            Value::Nothing => self.key,
            _ => self.document.node(self.index).start,
        }
    }

    /// An object in which no other keys than `allowed` stand.
    pub(super) fn object(&self, reading: &mut Reading, allowed: &[&str]) -> Option<Object<'v>> {
        let Value::Object(pairs) = self.value() else {
            self.fault(reading, format!("expected an object, found {}", self.kind()));
            return None;
        };
        for (index, _) in pairs {
            let key = self.document.key(*index);
            if allowed.contains(&key) {
                continue;
            }
            let meant = reading.meant(key, allowed.iter().copied());
            let message = format!("is not known here; {meant}allowed: {}", allowed.join(", "));
            reading.faults.push(Found {
                at: self.document.node(*index).start,
                path: join(&self.path, key),
                message,
            });
        }
        Some(Object { path: self.path.clone(), document: self.document, pairs, at: self.at() })
    }

    pub(super) fn list(&self, reading: &mut Reading) -> Vec<Node<'v>> {
        if !self.is_list() {
            self.fault(reading, format!("expected a list, found {}", self.kind()));
        }
        self.items()
    }

    /// The item at `index` of a list that is known to have one.
    pub(super) fn item(&self, index: usize) -> Node<'v> {
        let found = match self.value() {
            Value::List(items) => items.get(index).copied(),
            _ => None,
        };
        let index_of = found.unwrap_or(self.index);
        let path = format!("{}[{index}]", self.path);
        Node {
            path,
            document: self.document,
            index: index_of,
            key: self.document.node(index_of).start,
        }
    }

    /// Its items, if it is a list.
    pub(super) fn items(&self) -> Vec<Node<'v>> {
        let count = if let Value::List(items) = self.value() { items.len() } else { 0 };
        (0..count).map(|index| self.item(index)).collect()
    }

    /// Its characters, if it is no list and no object.
    pub(super) fn characters(&self) -> Option<&'v str> {
        if let Value::Scalar { text, .. } = self.value() { Some(text) } else { None }
    }

    /// The value of a key, if this is an object that has it.
    pub(super) fn child(&self, key: &str) -> Option<Node<'v>> {
        let Value::Object(pairs) = self.value() else { return None };
        Object { path: self.path.clone(), document: self.document, pairs, at: self.at() }.get(key)
    }

    /// The characters of a text, whatever YAML would make of them.
    pub(super) fn text(&self, reading: &mut Reading) -> Option<&'v str> {
        match self.value() {
            Value::Scalar { text, style: ScalarStyle::Literal | ScalarStyle::Folded, .. }
                if text.is_empty() =>
            {
                let message = "expected text, found a block without lines; `|` and `>` as characters stand in quotes";
                self.fault(reading, message.to_owned());
                None
            }
            // JSON has texts in quotes.
            Value::Scalar { text, .. } if !(self.is_null() && self.document.is_json()) => {
                Some(text)
            }
            value => {
                let hint = if matches!(value, Value::Nothing) { HINT } else { "" };
                self.fault(reading, format!("expected text, found {}{hint}", self.kind()));
                None
            }
        }
    }

    /// A single value as the text that a CSV field would hold.
    pub(super) fn scalar(&self, reading: &mut Reading) -> Option<String> {
        if self.is_list() || self.is_object() {
            self.fault(reading, format!("expected a single value, found {}", self.kind()));
            return None;
        }
        self.text(reading).map(str::to_owned)
    }

    pub(super) fn texts(&self, reading: &mut Reading) -> Vec<String> {
        self.list(reading).iter().filter_map(|node| node.scalar(reading)).collect()
    }

    /// A text where `null` says that there is none. Which of the two a bare `NULL` is can't be
    /// known.
    pub(super) fn text_or_null(&self, reading: &mut Reading) -> Option<&'v str> {
        match self.value() {
            _ if self.is_null() && self.document.is_json() => None,
            Value::Scalar { text, .. } if self.is_null() => {
                let message = format!(
                    "`{text}` is nothing in YAML, and a text too: write \"{text}\" for the text, or leave the property out"
                );
                self.fault(reading, message);
                None
            }
            _ => self.text(reading),
        }
    }

    /// A plain `true` or `false`, as YAML 1.2 writes them.
    pub(super) fn boolean(&self, reading: &mut Reading) -> Option<bool> {
        let hint = match self.value() {
            Value::Scalar { text, is_text, .. } => match (text.as_ref(), is_text) {
                ("true" | "True" | "TRUE", false) => return Some(true),
                ("false" | "False" | "FALSE", false) => return Some(false),
                (word @ ("true" | "True" | "TRUE" | "false" | "False" | "FALSE"), true) => {
                    format!("; write {} without quotes", word.to_lowercase())
                }
                (word, _) => match word.to_lowercase().as_str() {
                    "yes" | "y" | "on" => "; write true".to_owned(),
                    "no" | "n" | "off" => "; write false".to_owned(),
                    _ => String::new(),
                },
            },
            _ => String::new(),
        };
        self.fault(reading, format!("expected true or false, found {}{hint}", self.kind()));
        None
    }

    /// A plain whole number in decimal digits.
    pub(super) fn count(&self, reading: &mut Reading) -> Option<u64> {
        let mut hint = String::new();
        if let Value::Scalar { text, is_text, .. } = self.value() {
            let is_whole = !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_digit())
                && (text.len() == 1 || !text.starts_with('0'));
            match text.parse().ok().filter(|_| is_whole) {
                Some(count) if !is_text => return Some(count),
                Some(count) => hint = format!("; write {count} without quotes"),
                None if !is_text => hint = format!(" `{text}`"),
                None => {}
            }
        }
        self.fault(reading, format!("expected a whole number from 0, found {}{hint}", self.kind()));
        None
    }

    /// A single byte: see [`parse_byte`].
    pub(super) fn byte(&self, reading: &mut Reading) -> Option<u8> {
        let text = self.text(reading)?;
        let byte = parse_byte(text);
        if byte.is_none() {
            self.fault(
                reading,
                format!(
                    "`{text}` is not a single ASCII character, `\\t`, or a byte such as `\\x1f`"
                ),
            );
        }
        byte
    }

    /// A delimiter, quote, escape or comment sign: see [`Token::parse`].
    pub(super) fn token(&self, reading: &mut Reading) -> Option<Token> {
        let text = self.text(reading)?;
        let token = Token::parse(text);
        if token.is_none() {
            let most = Token::MOST_BYTES;
            let allowed = format!(
                "a text of 1 to {most} bytes without line breaks, `\\t`, or a byte such as `\\x1f`"
            );
            self.fault(reading, format!("`{text}` is not allowed; allowed: {allowed}"));
        }
        token
    }

    /// The same where `null` says that there is none.
    pub(super) fn token_or_null(&self, reading: &mut Reading) -> Option<Token> {
        match self.value() {
            Value::Nothing => self.token(reading),
            Value::Scalar { text, .. } if self.is_null() && text == "~" => {
                let message = "`~` is nothing in YAML, and a character too: write \"~\" for the character, or null for none";
                self.fault(reading, message.to_owned());
                None
            }
            _ if self.is_null() => None,
            _ => self.token(reading),
        }
    }

    pub(super) fn choice<T: Copy>(
        &self,
        reading: &mut Reading,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(reading)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<_> =
                choices.iter().map(|(name, _)| name.escape_default().to_string()).collect();
            let meant = reading.meant(text, names.iter().map(String::as_str));
            self.fault(
                reading,
                format!("`{text}` is not allowed; {meant}allowed: {}", names.join(", ")),
            );
        }
        found
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self.value(), Value::Object(_))
    }

    pub(super) fn is_list(&self) -> bool {
        matches!(self.value(), Value::List(_))
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.value(), Value::Scalar { .. })
    }

    /// Whether it says that there is nothing.
    pub(super) fn is_null(&self) -> bool {
        match self.value() {
            Value::Nothing => true,
            Value::Scalar { text, is_text, .. } => !is_text && NULLS.contains(&text.as_ref()),
            _ => false,
        }
    }

    fn value(&self) -> &'v Value<'v> {
        &self.document.node(self.index).value
    }

    /// What YAML would call it.
    fn kind(&self) -> &'static str {
        match self.value() {
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
            _ if self.is_null() => "nothing",
            Value::Scalar { text, is_text: false, .. } => match text.as_ref() {
                "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => "true or false",
                text if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
                    && text.parse::<f64>().is_ok() =>
                {
                    "a number"
                }
                _ => "text",
            },
            _ => "text",
        }
    }
}

impl<'v> Object<'v> {
    pub(super) fn get(&self, key: &str) -> Option<Node<'v>> {
        let (name, value) = self.pairs.iter().find(|(name, _)| self.document.key(*name) == key)?;
        let (document, path) = (self.document, join(&self.path, key));
        Some(Node { path, document, index: *value, key: document.node(*name).start })
    }

    pub(super) fn required(&self, reading: &mut Reading, key: &str) -> Option<Node<'v>> {
        let node = self.get(key);
        if node.is_none() {
            reading.faults.push(Found {
                at: self.at,
                path: join(&self.path, key),
                message: "is missing".to_owned(),
            });
        }
        node
    }
}

/// Where a key of the object at `path` stands; one without a letter in quotes, or it would not be
/// seen.
pub(super) fn join(path: &str, key: &str) -> String {
    let key = if key.trim().is_empty() { format!("{key:?}") } else { key.to_owned() };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
