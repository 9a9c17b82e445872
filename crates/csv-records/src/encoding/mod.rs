//! Turns the bytes of a text into characters.
//!
//! The structure of a CSV file (delimiters, quotes, terminators) is ASCII, so it is read from the
//! bytes of the source themselves, and positions are the source's whatever the encoding. Only what
//! stands in the fields is decoded, when it is typed (`Cells` of the crate `landing`).
//!
//! - In UTF-8 and in all encodings of one byte per character, an ASCII byte is that character.
//! - In Shift_JIS, GBK, GB18030, Big5 and EUC-KR some ASCII bytes may also end a character of
//!   several bytes ([`Encoding::may_be_inside`]): never quotes, commas, semicolons, tabs or
//!   terminators, but letters, `\` or `|`. A dialect in which such a byte is a delimiter is refused
//!   ([`Dialect::check`]).
//! - UTF-16 is read from a copy with one byte for each of its units of two bytes ([`Units`]): ASCII
//!   as that byte, a byte order mark as 0xFE, what else a dialect gives a meaning from 0x80 on, and
//!   everything else as 0xFF.
//!
//! ISO-2022-JP, in which ASCII bytes mean something else after an escape sequence, is not
//! supported, and neither is UTF-32.
//!
//! [`Dialect::check`]: crate::dialect::Dialect::check

mod sniff;
mod units;
mod words;

use serde::{Deserialize, Serialize};
pub use sniff::{Guess, byte_order_mark, is_misread, is_utf_32, sniff};
pub use units::Units;
pub(crate) use units::{NARROW_MARK, narrow_text};
use wording::nearest;

/// An encoding, by a label of the Encoding Standard (WHATWG): `utf-8`, `utf-16le`, `windows-1252`,
/// `shift_jis` …
///
/// Labels mean what they mean to a browser: `iso-8859-1` is `windows-1252`, and `utf-16` is
/// `utf-16le`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Encoding(&'static encoding_rs::Encoding);

/// The order of the two bytes of a unit of UTF-16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// The low byte first.
    Little,
    /// The high byte first.
    Big,
}

/// Labels that somebody may have meant by an unknown one.
const KNOWN: [&str; 44] = [
    "utf-8",
    "utf-16le",
    "utf-16be",
    "latin1",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-3",
    "iso-8859-4",
    "iso-8859-5",
    "iso-8859-6",
    "iso-8859-7",
    "iso-8859-8",
    "iso-8859-9",
    "iso-8859-10",
    "iso-8859-13",
    "iso-8859-14",
    "iso-8859-15",
    "iso-8859-16",
    "cp1250",
    "cp1251",
    "cp1252",
    "koi8-r",
    "koi8-u",
    "macintosh",
    "x-mac-cyrillic",
    "ibm866",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "big5",
    "gbk",
    "gb2312",
    "gb18030",
    "us-ascii",
];

/// A byte that no character has: decoded text holds it where the source is malformed, so that it is
/// not taken for valid.
pub const MALFORMED: u8 = 0xFF;

impl Encoding {
    /// UTF-8, which ASCII is a part of.
    pub const UTF_8: Self = Self(encoding_rs::UTF_8);
    /// UTF-16, low byte first.
    pub const UTF_16LE: Self = Self(encoding_rs::UTF_16LE);
    /// UTF-16, high byte first.
    pub const UTF_16BE: Self = Self(encoding_rs::UTF_16BE);

    /// Finds an encoding by its label, whatever its case; the error says what would be allowed.
    pub fn parse(label: &str) -> Result<Self, String> {
        let label = label.trim();
        // A browser takes ASCII for windows-1252. Here bytes beyond it are faults, unless they are
        // the superset that has no doubtful ones.
        if ["ascii", "us-ascii"].contains(&label.to_ascii_lowercase().as_str()) {
            return Ok(Self::UTF_8);
        }
        match encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()) {
            Some(encoding) if encoding == encoding_rs::ISO_2022_JP => Err(format!(
                "`{label}` is not supported: its delimiters can't be told from its characters; convert it to utf-8"
            )),
            Some(encoding) => Ok(Self(encoding)),
            None => {
                // UTF-32 is far from what is near to its name.
                let near = nearest(label, KNOWN.into_iter())
                    .filter(|_| !label.to_ascii_lowercase().starts_with("utf-32"));
                let meant =
                    near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
                Err(format!(
                    "`{label}` is not an encoding; {meant}allowed: labels of the Encoding Standard such as utf-8, utf-16le, utf-16be, windows-1252, iso-8859-2, shift_jis, \
                     gb18030, big5, euc-kr"
                ))
            }
        }
    }

    /// Its label, in lower case.
    pub fn label(self) -> String {
        self.name().to_ascii_lowercase()
    }

    /// Its name, for people.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The order of bytes, if this is UTF-16.
    pub fn byte_order(self) -> Option<ByteOrder> {
        if self == Self::UTF_16LE {
            Some(ByteOrder::Little)
        } else {
            (self == Self::UTF_16BE).then_some(ByteOrder::Big)
        }
    }

    /// Bytes of the smallest part of a character: 2 in UTF-16, 1 in all others. Rows begin at
    /// multiples of it.
    pub fn unit_bytes(self) -> usize {
        if self.byte_order().is_some() { 2 } else { 1 }
    }

    /// What may stand before the text to tell its encoding, and is no part of it. Nothing but the
    /// Unicode encodings has one.
    pub fn byte_order_mark(self) -> &'static [u8] {
        match self.byte_order() {
            Some(ByteOrder::Little) => b"\xFF\xFE",
            Some(ByteOrder::Big) => b"\xFE\xFF",
            None if self == Self::UTF_8 => b"\xEF\xBB\xBF",
            None => b"",
        }
    }

    /// Whether `byte` may also be a part of another character, though it is ASCII; and whether it
    /// is one where a character has several bytes.
    pub fn may_be_inside(self, byte: u8) -> bool {
        let encoding = self.0;
        if !byte.is_ascii() {
            !encoding.is_single_byte()
        } else if encoding == encoding_rs::GBK || encoding == encoding_rs::GB18030 {
            matches!(byte, 0x30..=0x39 | 0x40..=0x7E)
        } else if encoding == encoding_rs::SHIFT_JIS || encoding == encoding_rs::BIG5 {
            matches!(byte, 0x40..=0x7E)
        } else if encoding == encoding_rs::EUC_KR {
            byte.is_ascii_alphabetic()
        } else {
            false
        }
    }

    /// ASCII text in this encoding.
    pub fn encode_ascii(self, text: &[u8]) -> Vec<u8> {
        match self.byte_order() {
            None => text.to_vec(),
            Some(ByteOrder::Little) => text.iter().flat_map(|byte| [*byte, 0]).collect(),
            Some(ByteOrder::Big) => text.iter().flat_map(|byte| [0, *byte]).collect(),
        }
    }

    /// A text in this encoding, if it has all of the characters, and each as bytes of its own.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self.byte_order() {
            Some(ByteOrder::Little) => {
                return Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
            }
            Some(ByteOrder::Big) => {
                return Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
            }
            None => {}
        }
        let (bytes, _, lost) = self.0.encode(text);
        (!lost).then(|| bytes.into_owned())
    }

    /// Appends the text that `bytes` stand for to `out`, as UTF-8, and says at which offset the
    /// first bytes are that stand for none, if there are any.
    ///
    /// Each malformed sequence becomes a byte that makes `out` invalid UTF-8. No byte order mark is
    /// looked for.
    pub fn decode(self, mut bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        if self.byte_order().is_none() {
            let ascii = encoding_rs::Encoding::ascii_valid_up_to(bytes);
            if ascii == bytes.len() {
                out.extend_from_slice(bytes);
                return None;
            }
        }
        let whole = bytes.len();
        let mut first = None;
        let mut decoder = self.0.new_decoder_without_bom_handling();
        loop {
            let written = out.len();
            // No encoding makes more than three bytes of UTF-8 of one byte, and a character may be
            // pending.
            out.resize(written + bytes.len() * 3 + 16, 0);
            let (result, read, added) =
                decoder.decode_to_utf8_without_replacement(bytes, &mut out[written..], true);
            out.truncate(written + added);
            bytes = &bytes[read..];
            match result {
                encoding_rs::DecoderResult::InputEmpty => return first,
                encoding_rs::DecoderResult::OutputFull => {}
                encoding_rs::DecoderResult::Malformed(length, after) => {
                    let at = (whole - bytes.len())
                        .saturating_sub(usize::from(length) + usize::from(after));
                    first.get_or_insert(at);
                    out.push(MALFORMED);
                }
            }
        }
    }
}

impl Default for Encoding {
    fn default() -> Self {
        Self::UTF_8
    }
}

impl std::fmt::Display for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.label())
    }
}

impl TryFrom<String> for Encoding {
    type Error = String;
    fn try_from(label: String) -> Result<Self, String> {
        Self::parse(&label)
    }
}

impl From<Encoding> for String {
    fn from(encoding: Encoding) -> Self {
        encoding.label()
    }
}
