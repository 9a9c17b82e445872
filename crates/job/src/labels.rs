//! Labels: names that a submitter gives a job, by which it is found again.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The labels of a job: texts by keys, at most [`Labels::MOST`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Labels(BTreeMap<String, String>);

/// One label, by which jobs are looked for: `team:ops`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    key: String,
    value: String,
}

impl Labels {
    /// Most labels of a job.
    pub const MOST: usize = 16;
    /// Most characters of a key.
    pub const KEY_CHARS: usize = 63;
    /// Most characters of a value.
    pub const VALUE_CHARS: usize = 127;

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a label is among them.
    pub fn has(&self, label: &Label) -> bool {
        self.0.get(&label.key).is_some_and(|value| *value == label.value)
    }

    /// Each of them as [`Label`] is written.
    pub fn written(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|(key, value)| format!("{key}:{value}"))
    }
}

impl TryFrom<BTreeMap<String, String>> for Labels {
    type Error = String;

    fn try_from(labels: BTreeMap<String, String>) -> Result<Self, String> {
        if labels.len() > Self::MOST {
            return Err(format!("{} labels; a job has at most {}", labels.len(), Self::MOST));
        }
        labels.iter().try_for_each(|(key, value)| check(key, value))?;
        Ok(Self(labels))
    }
}

impl From<Labels> for BTreeMap<String, String> {
    fn from(labels: Labels) -> Self {
        labels.0
    }
}

impl FromStr for Label {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once(':').ok_or("a label is written `key:value`")?;
        check(key, value)?;
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.key, self.value)
    }
}

fn check(key: &str, value: &str) -> Result<(), String> {
    let starts = key.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if !starts || !key.chars().all(is_legal) || key.len() > Labels::KEY_CHARS {
        return Err(format!(
            "a label's key is a letter or a digit and at most {} more of a-z, A-Z, 0-9, `_`, `.` and `-`",
            Labels::KEY_CHARS - 1
        ));
    }
    let chars = value.chars().count();
    if chars == 0 || chars > Labels::VALUE_CHARS || value.chars().any(char::is_control) {
        return Err(format!(
            "the value of the label `{key}` is 1 to {} characters, none of them a control character",
            Labels::VALUE_CHARS
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_as_they_are_written() {
        let labels: Labels =
            serde_json::from_str(r#"{"team":"ops","run":"a:b c"}"#).expect("labels");
        for written in labels.written() {
            assert!(labels.has(&written.parse().expect("a label")), "{written}");
        }
        for other in ["team:op", "team:a:b c", "run:a", "other:ops"] {
            assert!(!labels.has(&other.parse().expect("a label")), "{other}");
        }
        assert_eq!("run:a:b c".parse::<Label>().expect("a label").to_string(), "run:a:b c");
    }

    #[test]
    fn what_is_no_label_is_refused() {
        let (long_key, long_value) = ("k".repeat(64), "v".repeat(128));
        for (text, why) in [
            ("team", "`key:value`"),
            (":ops", "key is"),
            ("te am:ops", "key is"),
            ("-team:ops", "key is"),
            (&format!("{long_key}:ops"), "key is"),
            ("team:", "`team` is 1 to 127"),
            ("team:a\nb", "control"),
            (&format!("team:{long_value}"), "`team` is 1 to 127"),
        ] {
            let refused = text.parse::<Label>().expect_err(text);
            assert!(refused.contains(why), "{text}: {refused}");
        }
        assert!(format!("{}:{}", &long_key[1..], &long_value[1..]).parse::<Label>().is_ok());
        let many: BTreeMap<String, String> =
            (0..17).map(|number| (format!("k{number}"), "v".to_owned())).collect();
        assert_eq!(Labels::try_from(many), Err("17 labels; a job has at most 16".to_owned()));
    }
}
