//! Turns another library's error into what may be told of it in one of ours: its kind and its
//! place. Its text may quote what it read, and that is data.

use std::fmt::Debug;
use std::io;

use serde_json::error::Category;

/// An error whose text may quote data.
pub trait Unquoted {
    /// The error in words that hold nothing of what was read.
    fn unquoted(&self) -> String;
}

impl Unquoted for serde_json::Error {
    fn unquoted(&self) -> String {
        let what = match self.classify() {
            Category::Io => "it can't be reached",
            Category::Syntax => "it is no JSON",
            Category::Data => "it is of another shape",
            Category::Eof => "it ends too early",
        };
        format!("{what}, at line {}, column {}", self.line(), self.column())
    }
}

impl Unquoted for io::Error {
    fn unquoted(&self) -> String {
        self.kind().to_string()
    }
}

/// The name of the variant that an error is, for errors that say no more without quoting.
pub fn variant(error: &impl Debug) -> String {
    let text = format!("{error:?}");
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_read_is_told() {
        let json =
            serde_json::from_str::<Vec<u32>>("[1,\n \"hush\"]").expect_err("a text is no number");
        assert!(json.to_string().contains("hush"), "the text quotes: {json}");
        assert_eq!(json.unquoted(), "it is of another shape, at line 2, column 7");
        assert_eq!(variant(&Err::<(), _>("hush")), "Err");
        assert_eq!(io::Error::other("hush").unquoted(), "other error");
    }
}
