//! Writes a proposed contract as YAML for people, with the reason beside each guess.

use std::collections::HashMap;
use std::fmt::Write as _;

use contract::{is_printable, quoted};

/// A field, as a line of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldLine {
    pub(super) name: String,
    /// Properties in order, with their values in YAML.
    pub(super) properties: Vec<(&'static str, String)>,
    pub(super) because: String,
}

/// The document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    /// Sentences at the top.
    pub(super) about: Vec<String>,
    pub(super) dataset: String,
    pub(super) encoding: Option<(String, String)>,
    /// Properties of the dialect: name, value in YAML, reason.
    pub(super) dialect: Vec<(&'static str, String, String)>,
    pub(super) missing_values: Option<(Vec<String>, String)>,
    pub(super) fields: Vec<FieldLine>,
    /// How many records may be refused, and why.
    pub(super) rejects: (String, String),
    /// Sentences at the bottom.
    pub(super) notes: Vec<String>,
}

/// Characters up to which a property and the reason for it stand on one line.
const LINE_CHARS: usize = 60;

impl Document {
    /// The document in YAML; without `reasons` it is shorter.
    pub(super) fn write(&self, reasons: bool) -> String {
        let mut out = String::new();
        let mut line = |text: &str, because: &str, indent: usize| {
            let because = if reasons { comment(because) } else { String::new() };
            if because.is_empty() {
                let _ = writeln!(out, "{:indent$}{text}", "");
            } else {
                let _ = writeln!(out, "{:indent$}{text:<LINE_CHARS$}  # {because}", "");
            }
        };
        self.about.iter().for_each(|sentence| line(&format!("# {}", comment(sentence)), "", 0));
        line(&format!("name: {}", self.dataset), "", 0);
        if let Some((encoding, because)) = &self.encoding {
            line(&format!("encoding: {encoding}"), because, 0);
        }
        line("dialect:", "", 0);
        self.dialect
            .iter()
            .for_each(|(name, value, because)| line(&format!("{name}: {value}"), because, 2));
        line("schema:", "", 0);
        if let Some((values, because)) = &self.missing_values {
            let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
            line(&format!("missingValues: [{}]", values.join(", ")), because, 2);
        }
        if let Some(why) = self.alike() {
            line("caseSensitive: true", &why, 2);
        }
        line("fields:", "", 2);
        for field in &self.fields {
            let mut text = format!("- {{ name: {}", plain_or_quoted(&field.name));
            for (name, value) in &field.properties {
                let _ = write!(text, ", {name}: {value}");
            }
            line(&(text + " }"), &field.because, 4);
        }
        line("rejects:", "", 0);
        line(&format!("limit: {}", self.rejects.0), &self.rejects.1, 2);
        if reasons {
            self.notes.iter().for_each(|sentence| line(&format!("# {}", comment(sentence)), "", 0));
        }
        out
    }

    /// A sentence about two fields whose names differ in case only, if there are such.
    pub(super) fn alike(&self) -> Option<String> {
        let mut known = HashMap::new();
        let mut pairs = self.fields.iter().filter_map(|field| {
            known.insert(field.name.to_lowercase(), &field.name).zip(Some(&field.name))
        });
        let (one, other) = pairs.next()?;
        Some(format!(
            "DOUBT: `{one}` and `{other}` differ in case only, and many readers take them for one column"
        ))
    }
}

/// A text that can stand in a comment: on one line, and printable.
fn comment(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if is_printable(c) { c.to_string() } else { c.escape_default().to_string() }
                .chars()
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A name, without quotes where YAML takes it for text all the same.
fn plain_or_quoted(name: &str) -> String {
    let is_word = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let means_something = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| name.eq_ignore_ascii_case(word));
    if is_word && !means_something { name.to_owned() } else { quoted(name) }
}
