//! Recognises sources that are not tables by their first bytes: a table of one bad record, or of
//! eight hundred, is no use to anybody.
//!
//! A CSV file may begin with any text, so text is solid evidence only where CSV does not begin like
//! this (`<!DOCTYPE html`), or where all of it is something else (JSON). Bytes that no text has are
//! evidence by themselves.

use csv_records::encoding::{self, Encoding};
use serde::de::IgnoredAny;

/// What files of a kind begin with, and what they are.
const MAGICS: [(&[u8], &str); 25] = [
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"%PDF-", "a PDF document"),
    (b"%!PS-Adobe", "a PostScript document"),
    (b"{\\rtf1", "a Rich Text document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document (such as .xls)"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"Obj\x01", "an Avro file"),
    (b"ARROW1\0\0", "an Arrow file"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"RDX2\n", "an R data file"),
    (b"RDX3\n", "an R data file"),
    (b"\x7fELF", "a program (ELF)"),
    (b"\xca\xfe\xba\xbe", "a program (Java or macOS)"),
    (b"!<arch>\n", "an archive (ar)"),
    (b"\xfd7zXZ\0", "packed with xz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x04\x22\x4d\x18", "packed with LZ4"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\x00asm", "a program (WebAssembly)"),
];

/// The same for beginnings that a text may have: only if bytes follow that a text has not.
const DOUBTFUL_MAGICS: [(&[u8], &str); 6] = [
    (b"PAR1", "a Parquet file"),
    (b"ORC", "an ORC file"),
    (b"FEA1", "a Feather file"),
    (b"GIF8", "a GIF image"),
    (b"MZ", "a program (Windows)"),
    (b"PK", "a zip archive"),
];

/// Where a tar archive says that it is one.
const TAR_AT: usize = 257;
/// Bytes within which a doubtful beginning is made sure of.
const NEAR: usize = 512;
/// Bytes that are looked at for what no text has.
const LOOKED_AT: usize = 64 * 1024;
/// Fewest different control characters that no text has, and their least share.
const LEAST_CONTROLS: usize = 6;
const LEAST_CONTROL_SHARE: usize = 50;
/// Fewest zero bytes that show that a source is not text.
const LEAST_ZEROS: usize = 64;

/// What a source that begins like this is, if that is certainly no text.
pub(crate) fn other_than_text(text: &[u8]) -> Option<&'static str> {
    let begins = |magics: &[(&[u8], &'static str)]| {
        magics.iter().find(|(magic, _)| text.starts_with(magic)).map(|(_, name)| *name)
    };
    let near = &text[..text.len().min(NEAR)];
    let has_controls = near.iter().any(|byte| matches!(byte, 0..=8 | 0x0e..=0x1b));
    let doubtful = || begins(&DOUBTFUL_MAGICS).filter(|_| has_controls);
    let tar = || {
        text.get(TAR_AT..).is_some_and(|rest| rest.starts_with(b"ustar")).then_some("a tar archive")
    };
    let wide = || encoding::is_utf_32(text).then_some("UTF-32");
    begins(&MAGICS).or_else(doubtful).or_else(tar).or_else(wide)
}

/// Whether a text is none: it holds control characters of many kinds, or next to nothing but zero
/// bytes.
pub(crate) fn is_binary(text: &[u8], encoding: Encoding) -> bool {
    if encoding.byte_order().is_some() {
        return false;
    }
    let text = &text[..text.len().min(LOOKED_AT)];
    let (mut controls, mut zeros, mut kinds) = (0, 0, 0_u32);
    for byte in text {
        match byte {
            0 => zeros += 1,
            b'\t' | b'\n' | b'\r' => {}
            byte @ 1..0x20 => {
                controls += 1;
                kinds |= 1 << byte;
            }
            _ => {}
        }
    }
    let is_mixed = kinds.count_ones() as usize >= LEAST_CONTROLS
        && controls * LEAST_CONTROL_SHARE >= text.len();
    is_mixed || (text.len() >= LEAST_ZEROS && zeros * 10 >= text.len() * 9)
}

/// What a text is that is not a table: markup, or JSON from its first to its last byte. `is_whole`:
/// no bytes come after it.
pub(crate) fn markup(text: &[u8], encoding: Encoding, is_whole: bool) -> Option<&'static str> {
    let text = text.strip_prefix(encoding.byte_order_mark()).unwrap_or(text);
    let mut decoded = Vec::new();
    let text = if encoding == Encoding::UTF_8 {
        text
    } else {
        encoding.decode(text, &mut decoded);
        &decoded
    };
    let text = text.trim_ascii_start();
    let begins = |with: &str| {
        text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()))
    };
    match text.first()? {
        b'<' if begins("<!doctype html")
            || begins("<html")
            || begins("<head>")
            || begins("<table") =>
        {
            Some("a web page (HTML)")
        }
        b'<' if begins("<?xml ") || begins("<!doctype ") => Some("an XML document"),
        b'{' | b'[' => json(text, is_whole),
        _ => None,
    }
}

/// Whether a text is JSON, as far as it goes.
fn json(text: &[u8], is_whole: bool) -> Option<&'static str> {
    let mut values = 0;
    for value in serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>() {
        match value {
            Ok(_) => values += 1,
            // The sample ends inside a value.
            Err(error) if error.is_eof() && !is_whole => {
                values += usize::from(values == 0);
                break;
            }
            Err(_) => return None,
        }
    }
    match values {
        0 => None,
        1 => Some("JSON"),
        _ => Some("JSON Lines"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let next = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        (0..bytes).map(next).collect()
    }

    #[test]
    fn files_that_are_no_text() {
        let png = [&b"\x89PNG\r\n\x1a\n"[..], &noise(100)].concat();
        assert_eq!(other_than_text(&png), Some("a PNG image"));
        assert_eq!(other_than_text(b"PAR1\x15\x04\x15"), Some("a Parquet file"));
        assert_eq!(other_than_text(b"%PDF-1.7\n%"), Some("a PDF document"));
        let tar = [&b"a.csv"[..], &[0; 252], b"ustar\x0000"].concat();
        assert_eq!(other_than_text(&tar), Some("a tar archive"));
        for text in [
            &b"PAR1,b\n1,2\n"[..],
            b"MZ;x\n1;2\n",
            b"ORC\nelf\n",
            b"id,name\n",
            b"",
            b"\xEF\xBB\xBFa\n",
        ] {
            assert_eq!(other_than_text(text), None);
        }
    }

    #[test]
    fn noise_is_no_text() {
        for bytes in [200, 1000, 100_000] {
            assert!(is_binary(&noise(bytes), Encoding::UTF_8), "{bytes}");
        }
        assert!(is_binary(&[0; 100], Encoding::UTF_8));
        for text in [
            &b""[..],
            b"a,b\n1,x\0\n2,\0\0y\n",
            b"a\x01b\x02c\n1\x012\x023\n",
            b"ab\0\0\0\0,cd\0\0\0\0\n",
            b"a\x1fb\x1e1\x1f2\x1e",
        ] {
            assert!(!is_binary(text, Encoding::UTF_8), "{text:?}");
        }
    }

    #[test]
    fn texts_that_are_no_table() {
        let of = |text: &str, is_whole| markup(text.as_bytes(), Encoding::UTF_8, is_whole);
        assert_eq!(of("\u{feff}\n <!DOCTYPE HTML><p>", true), Some("a web page (HTML)"));
        assert_eq!(of("<?xml version=\"1.0\"?><a/>", true), Some("an XML document"));
        assert_eq!(of("{\"a\": 1, \"b\": [1, 2]}\n", true), Some("JSON"));
        assert_eq!(of("[{\"a\": 1},\n {\"a\"", false), Some("JSON"));
        assert_eq!(of("{\"a\": 1}\n{\"a\": 2}\n", true), Some("JSON Lines"));
        for text in [
            "<id>,name\n1,x\n",
            "{id},name\n1,x\n",
            "[1],[2]\n",
            "[a]\n[b]\n",
            "{\"a\": 1",
            "",
            "{}x\n",
            "1\n2\n",
        ] {
            assert_eq!(of(text, true), None, "{text}");
        }
        let utf_16: Vec<u8> = "[1, 2]".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(markup(&utf_16, Encoding::UTF_16LE, true), Some("JSON"));
    }
}
