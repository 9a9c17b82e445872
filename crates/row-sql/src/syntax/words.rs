//! Cuts the text of an expression into its words and signs.

use crate::{Flaw, Position};

/// A word or a sign, without the space and the comments around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// As it is written, with its quotes.
    pub(super) written: &'a str,
    /// Where it begins.
    pub(super) at: Position,
    /// Where what follows it begins.
    pub(super) end: Position,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Word,
    /// A name in `"…"`.
    Quoted,
    /// A text in `'…'`.
    Text,
    /// A number without a sign.
    Number,
    /// An operator, a bracket, a comma: all else.
    Sign,
}

/// Signs of more than one character, those first that others begin like. Those that no expression
/// has are here too, so that messages name them whole.
const SIGNS: &[&str] = &[
    "->>", "//", "||", "::", "<>", "<=", ">=", "!=", "==", "->", "=>", ":=", "<<", ">>", "&&",
    "~~", "!~", "**",
];

impl Token<'_> {
    /// Whether it is this keyword, in upper or lower case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.written.eq_ignore_ascii_case(keyword)
    }

    pub(super) fn is_any_of(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    pub(super) fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.written == sign
    }

    /// What it says: of a text or a quoted name what is between its quotes, where two stand for
    /// one.
    pub(super) fn said(&self) -> String {
        match self.kind {
            Kind::Quoted => self.inside().replace("\"\"", "\""),
            Kind::Text => self.inside().replace("''", "'"),
            Kind::Word | Kind::Number | Kind::Sign => self.written.to_owned(),
        }
    }

    fn inside(&self) -> &str {
        &self.written[1..self.written.len() - 1]
    }
}

/// Cuts an expression. A text, a quoted name or a comment that does not end is a flaw.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, Flaw> {
    let mut reader = Reader { rest: text, at: Position { line: 1, column: 1 } };
    let mut tokens = Vec::new();
    loop {
        reader.skip_space()?;
        let Some(first) = reader.rest.chars().next() else { return Ok(tokens) };
        let at = reader.at;
        let (kind, length) = match first {
            '\'' => (Kind::Text, reader.quoted('\'').ok_or_else(|| endless_text(at))?),
            '"' => (Kind::Quoted, reader.quoted('"').ok_or_else(|| endless_name(at))?),
            '_' => (Kind::Word, reader.word()),
            first if first.is_alphabetic() => (Kind::Word, reader.word()),
            first => match reader.number() {
                0 => (Kind::Sign, reader.sign().unwrap_or(first.len_utf8())),
                length => (Kind::Number, length),
            },
        };
        let written = reader.take(length);
        tokens.push(Token { kind, written, at, end: reader.at });
    }
}

fn endless_text(at: Position) -> Flaw {
    let message = "a text begins here and does not end: its closing quote is missing";
    Flaw { at, message: message.to_owned() }
}

fn endless_name(at: Position) -> Flaw {
    let message = "a name begins here and does not end: its closing `\"` is missing";
    Flaw { at, message: message.to_owned() }
}

/// Reads a text from its start to its end: the rest, and the position of the rest.
struct Reader<'a> {
    rest: &'a str,
    at: Position,
}

impl<'a> Reader<'a> {
    /// Takes so many bytes.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        for char in taken.chars() {
            match char {
                '\n' => self.at = Position { line: self.at.line + 1, column: 1 },
                _ => self.at.column += 1,
            }
        }
        taken
    }

    /// Skips space, `-- comments` and `/* comments */`, which may hold others.
    fn skip_space(&mut self) -> Result<(), Flaw> {
        loop {
            let text = self.rest.trim_start();
            self.take(self.rest.len() - text.len());
            if text.starts_with("--") {
                self.take(text.find('\n').unwrap_or(text.len()));
            } else if text.starts_with("/*") {
                let length = comment(text).ok_or_else(|| Flaw {
                    at: self.at,
                    message: "a comment begins here and does not end: its `*/` is missing"
                        .to_owned(),
                })?;
                self.take(length);
            } else {
                return Ok(());
            }
        }
    }

    /// The bytes of what stands in quotes; `None`: it does not end.
    fn quoted(&self, quote: char) -> Option<usize> {
        let mut length = quote.len_utf8();
        loop {
            length += self.rest[length..].find(quote)? + quote.len_utf8();
            if !self.rest[length..].starts_with(quote) {
                return Some(length);
            }
            length += quote.len_utf8();
        }
    }

    fn word(&self) -> usize {
        let is_part = |char: char| char.is_alphanumeric() || matches!(char, '_' | '$');
        self.rest.find(|char| !is_part(char)).unwrap_or(self.rest.len())
    }

    /// The bytes of a number, such as `1`, `1_000`, `.5`, `1.` or `1e-9`; 0: there is none.
    fn number(&self) -> usize {
        let bytes = self.rest.as_bytes();
        let digits = |from: usize| {
            let mut end = from;
            while bytes.get(end).is_some_and(u8::is_ascii_digit)
                || (end > from
                    && bytes.get(end) == Some(&b'_')
                    && bytes.get(end + 1).is_some_and(u8::is_ascii_digit))
            {
                end += 1;
            }
            end
        };
        let mut end = digits(0);
        if bytes.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            if end == 0 && fraction == 1 {
                return 0;
            }
            end = fraction;
        }
        if end > 0 && matches!(bytes.get(end), Some(b'e' | b'E')) {
            let signed = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + signed);
            if exponent > end + 1 + signed {
                end = exponent;
            }
        }
        end
    }

    /// The bytes of a sign of several characters.
    fn sign(&self) -> Option<usize> {
        SIGNS.iter().find(|sign| self.rest.starts_with(**sign)).map(|sign| sign.len())
    }
}

/// The bytes of a comment at the beginning of a text; `None`: it does not end.
fn comment(text: &str) -> Option<usize> {
    let (mut depth, mut length) = (0_usize, 0);
    loop {
        let rest = &text[length..];
        if rest.starts_with("/*") {
            depth += 1;
            length += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            length += 2;
            if depth == 0 {
                return Some(length);
            }
        } else {
            length += rest.chars().next()?.len_utf8();
        }
    }
}
