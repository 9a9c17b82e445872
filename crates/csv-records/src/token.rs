//! Parses the tokens of a dialect: delimiters, quotes, escapes and comment signs.

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::encoding::Encoding;

/// Bytes with a meaning: one as a rule, up to eight otherwise (`||`, `~|~`, `§` in UTF-8), none of
/// them a line break.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Token {
    bytes: [u8; Self::MOST_BYTES],
    length: u8,
}

/// One byte is a number, as it always was.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Byte(u8),
    Bytes(Vec<u8>),
}

impl Token {
    /// Most bytes of one.
    pub const MOST_BYTES: usize = 8;

    /// These bytes as a token, unless they are too many or none, or there are several and one is a
    /// line break.
    pub fn new(given: &[u8]) -> Option<Self> {
        let is_long = given.len() > 1;
        if given.is_empty()
            || given.len() > Self::MOST_BYTES
            || (is_long && given.iter().any(|byte| matches!(byte, b'\r' | b'\n')))
        {
            return None;
        }
        let mut bytes = [0; Self::MOST_BYTES];
        bytes[..given.len()].copy_from_slice(given);
        Some(Self { bytes, length: given.len() as u8 })
    }

    /// A token as people write it: a text, or one byte as [`parse_byte`] reads it.
    pub fn parse(text: &str) -> Option<Self> {
        parse_byte(text).map(Self::from).or_else(|| Self::new(text.as_bytes()))
    }

    /// Its bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length as usize]
    }

    /// How many they are.
    #[inline]
    pub fn bytes(self) -> usize {
        self.length as usize
    }

    /// Whether `text` begins with it.
    #[inline]
    pub fn begins(self, text: &[u8]) -> bool {
        text.first() == Some(&self.bytes[0])
            && (self.length == 1 || text.starts_with(self.as_bytes()))
    }

    /// The first of them.
    #[inline]
    pub fn first(self) -> u8 {
        self.bytes[0]
    }

    /// Its byte, if it is but one.
    pub fn byte(self) -> Option<u8> {
        (self.length == 1).then_some(self.bytes[0])
    }

    /// Whether it has several bytes, and those of another token are among them.
    pub fn holds(&self, other: &Self) -> bool {
        self.length > 1 && memmem::find(self.as_bytes(), other.as_bytes()).is_some()
    }

    /// Whether its bytes are text, which a byte beyond ASCII is not.
    pub fn is_text(&self) -> bool {
        self.text().is_some()
    }

    /// That text.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }

    /// The same text in an encoding of a source, if that has its characters. A single byte is that
    /// byte in all of them.
    pub fn in_encoding(self, encoding: Encoding) -> Option<Self> {
        match self.text() {
            Some(text) if !text.is_ascii() => {
                encoding.encode(text).and_then(|bytes| Self::new(&bytes))
            }
            _ => Some(self),
        }
    }

    /// Its bytes in a source.
    pub fn encoded(self, encoding: Encoding) -> Vec<u8> {
        self.text()
            .and_then(|text| encoding.encode(text))
            .unwrap_or_else(|| self.as_bytes().to_vec())
    }

    /// The text that its bytes stand for in an encoding of a source, where they are no text of
    /// their own.
    pub fn in_text(self, encoding: Encoding) -> Self {
        if self.text().is_some() {
            return self;
        }
        let mut text = Vec::new();
        let is_valid = encoding.decode(self.as_bytes(), &mut text).is_none();
        Self::new(&text).filter(|_| is_valid).unwrap_or(self)
    }
}

impl From<u8> for Token {
    fn from(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0, 0, 0, 0, 0], length: 1 }
    }
}

impl PartialEq<u8> for Token {
    fn eq(&self, byte: &u8) -> bool {
        self.byte() == Some(*byte)
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl std::fmt::Display for Token {
    /// As text, where that can be seen.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.text() {
            Some(text)
                if !text
                    .contains(|c: char| c.is_control() || c == '\'' || c == '"' || c == '\\') =>
            {
                f.write_str(text)
            }
            _ => write!(f, "{}", self.as_bytes().escape_ascii()),
        }
    }
}

impl TryFrom<Form> for Token {
    type Error = &'static str;
    fn try_from(form: Form) -> Result<Self, Self::Error> {
        match form {
            Form::Byte(byte) => Ok(Self::from(byte)),
            Form::Bytes(bytes) => {
                Self::new(&bytes).ok_or("these bytes are no delimiter, quote, escape or comment")
            }
        }
    }
}

impl From<Token> for Form {
    fn from(token: Token) -> Self {
        token.byte().map_or_else(|| Self::Bytes(token.as_bytes().to_vec()), Self::Byte)
    }
}

/// A byte as people write it: one ASCII character, `\t`, or any byte as `\x1f`.
pub fn parse_byte(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Some(*byte),
        b"\\t" => Some(b'\t'),
        [b'\\', b'x', _, _] => u8::from_str_radix(text.get(2..)?, 16).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;

    #[test]
    fn one_byte_is_a_number_and_several_are_a_list() {
        for (text, json) in [("\"", "34"), ("\\t", "9"), ("§", "[194,167]"), ("''", "[39,39]")] {
            let token = Token::parse(text).expect("it is short");
            assert_eq!(serde_json::to_string(&token).expect("it is plain data"), json);
            assert_eq!(serde_json::from_str::<Token>(json).expect("it was written so"), token);
        }
        for json in ["[]", "[10,10]", "[1,2,3,4,5,6,7,8,9]", "300"] {
            assert!(serde_json::from_str::<Token>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_token_is_text_in_a_contract_and_bytes_in_a_source() {
        let western = Encoding::parse("windows-1252").expect("a label");
        let section = Token::parse("§").expect("it is short");
        let byte = Token::from(0xA7);
        assert_eq!(
            (section.in_encoding(western), byte.in_encoding(western)),
            (Some(byte), Some(byte))
        );
        assert_eq!((section.in_text(western), byte.in_text(western)), (section, section));
        assert_eq!(byte.in_text(Encoding::UTF_8), byte);
    }

    #[test]
    fn what_can_not_be_told_is_refused() {
        let check = |delimiter: &str, quote: &str, encoding: &str| {
            let [delimiter, quote] =
                [delimiter, quote].map(|text| Token::parse(text).expect("it is short"));
            let encoding = Encoding::parse(encoding).expect("a label");
            let dialect = Dialect {
                delimiter,
                quote_char: Some(quote),
                escape_char: Some(quote),
                encoding,
                ..Dialect::default()
            };
            dialect.check().err().unwrap_or_default()
        };
        for (delimiter, quote, encoding) in [
            ("§", "´", "utf-8"),
            (",", "''", "utf-16le"),
            ("¦", "”§", "utf-16be"),
            ("😀", "😃", "utf-16le"),
            (",", "§", "windows-1252"),
            (",", "\\xa7", "latin1"),
            (",", "''", "gb18030"),
        ] {
            assert_eq!(check(delimiter, quote, encoding), "", "{delimiter} {quote} in {encoding}");
        }
        assert_eq!(
            check("|", "||", "utf-8"),
            "the quoteChar `||` can't hold `|`, which has another meaning"
        );
        assert_eq!(
            check("§", "§", "utf-8"),
            "the delimiter `§` can't hold `§`, which has another meaning"
        );
        assert_eq!(
            check(",", "\u{feff}", "utf-16le"),
            "`\u{feff}` can't be the quoteChar in UTF-16LE, which has no such character"
        );
        assert_eq!(
            check(",", "”", "iso-8859-2"),
            "`”` can't be the quoteChar in ISO-8859-2, which has no such character"
        );
        assert_eq!(
            check(",", "§", "gb18030"),
            "`§` can't be the quoteChar in gb18030: it can't be told from parts of characters"
        );
        let because = ", where the same byte may be a part of another character";
        assert_eq!(
            check(",", "\\xa7", "utf-8"),
            format!("`\\xa7` can't be the quoteChar in UTF-8{because}")
        );
    }
}
