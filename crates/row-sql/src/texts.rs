//! Implements the functions of text. Positions and lengths are of characters, not of bytes.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray, Int64Array};
use regex::Regex;
use sha2::{Digest, Sha256};

use super::values::{Kernel, MOST_BYTES, Trouble, Values, too_much_text};
use crate::patterns::Patterns;

/// Most bytes of a text that a function makes: more than readers of Parquet take in one value with
/// ease.
const TEXT_BYTES: usize = 8 << 20;

/// Which ends of a text are trimmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Both,
    Left,
    Right,
}

/// The text of a row.
#[inline]
pub(super) fn text(values: &Values, row: usize) -> Option<&str> {
    let (array, index) = (values.array.as_string::<i32>(), values.index(row));
    array.is_valid(index).then(|| array.value(index))
}

/// The whole number of a row.
#[inline]
pub(super) fn number(values: &Values, row: usize) -> Option<i64> {
    let (array, index) = (values.array.as_primitive::<Int64Type>(), values.index(row));
    array.is_valid(index).then(|| array.value(index))
}

/// An operator whose answer is part of an argument's text, or null, for each row.
fn parts(
    find: impl for<'a> Fn(&'a [Values], usize) -> Option<&'a str> + Send + Sync + 'static,
) -> Arc<Kernel> {
    Arc::new(move |args, rows| {
        let mut out = StringBuilder::with_capacity(rows, rows * 8);
        for row in 0..rows {
            out.append_option(find(args, row));
            refuse_too_much(out.values_slice().len())?;
        }
        Ok(Arc::new(out.finish()))
    })
}

/// An operator that writes text for each row, or answers that it is null.
fn texts(
    write: impl Fn(&[Values], usize, &mut String) -> Option<()> + Send + Sync + 'static,
) -> Arc<Kernel> {
    Arc::new(move |args, rows| {
        let mut out = StringBuilder::with_capacity(rows, rows * 8);
        let mut text = String::new();
        for row in 0..rows {
            text.clear();
            let Some(()) = write(args, row, &mut text) else {
                out.append_null();
                continue;
            };
            if text.len() > TEXT_BYTES {
                return Err(Trouble::Row(format!("the text has more than {TEXT_BYTES} bytes")));
            }
            out.append_value(&text);
            refuse_too_much(out.values_slice().len())?;
        }
        Ok(Arc::new(out.finish()))
    })
}

fn refuse_too_much(bytes: usize) -> Result<(), Trouble> {
    if bytes > MOST_BYTES { Err(Trouble::Whole(too_much_text())) } else { Ok(()) }
}

/// An operator that says yes or no, or null, for each row.
fn truths(
    decide: impl Fn(&[Values], usize) -> Option<bool> + Send + Sync + 'static,
) -> Arc<Kernel> {
    Arc::new(move |args, rows| {
        Ok(Arc::new((0..rows).map(|row| decide(args, row)).collect::<BooleanArray>()))
    })
}

pub(super) fn lower() -> Arc<Kernel> {
    // The whole text is looked at: what becomes of a final sigma depends on what is before it.
    texts(|args, row, out| {
        let value = text(&args[0], row)?;
        if value.is_ascii() {
            out.push_str(value);
            out.make_ascii_lowercase();
        } else {
            out.push_str(&value.to_lowercase());
        }
        Some(())
    })
}

pub(super) fn upper() -> Arc<Kernel> {
    texts(|args, row, out| {
        out.extend(text(&args[0], row)?.chars().flat_map(char::to_uppercase));
        Some(())
    })
}

/// Trims spaces, or any of the characters of the second argument.
pub(super) fn trim(ends: Ends) -> Arc<Kernel> {
    parts(move |args, row| {
        let value = text(&args[0], row)?;
        let of = match args.get(1) {
            Some(arg) => text(arg, row)?,
            None => " ",
        };
        let is_trimmed = |c: char| of.contains(c);
        Some(match ends {
            Ends::Both => value.trim_matches(is_trimmed),
            Ends::Left => value.trim_start_matches(is_trimmed),
            Ends::Right => value.trim_end_matches(is_trimmed),
        })
    })
}

pub(super) fn length() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let count = |row| text(&args[0], row).map(|value| value.chars().count() as i64);
        Ok(Arc::new((0..rows).map(count).collect::<Int64Array>()))
    })
}

/// Where a text begins in another, from 1; 0: nowhere.
pub(super) fn position() -> Arc<Kernel> {
    Arc::new(|args, rows| {
        let find = |row| {
            let (value, wanted) = (text(&args[0], row)?, text(&args[1], row)?);
            Some(value.find(wanted).map_or(0, |at| value[..at].chars().count() as i64 + 1))
        };
        Ok(Arc::new((0..rows).map(find).collect::<Int64Array>()))
    })
}

pub(super) fn substring() -> Arc<Kernel> {
    parts(|args, row| {
        let (value, start) = (text(&args[0], row)?, number(&args[1], row)?);
        let count = || value.chars().count() as i64;
        // Position 1 is the first character, and -1 the last one; what lies before the first is cut
        // off the length.
        let from = if start < 0 { start.saturating_add(count()) } else { start.saturating_sub(1) };
        let to = match args.get(2) {
            Some(length) => {
                let length = number(length, row)?;
                if length < 0 {
                    return Some(slice(value, from.saturating_add(length), from));
                }
                from.saturating_add(length)
            }
            None => i64::MAX,
        };
        Some(slice(value, from, to))
    })
}

/// The first characters; all but the last ones, if there are fewer than none.
pub(super) fn left() -> Arc<Kernel> {
    parts(|args, row| {
        let (value, count) = (text(&args[0], row)?, number(&args[1], row)?);
        let to = if count < 0 { count.saturating_add(value.chars().count() as i64) } else { count };
        Some(slice(value, 0, to))
    })
}

/// The last characters; all but the first ones, if there are fewer than none.
pub(super) fn right() -> Arc<Kernel> {
    parts(|args, row| {
        let (value, count) = (text(&args[0], row)?, number(&args[1], row)?);
        let from =
            if count < 0 { count.saturating_neg() } else { value.chars().count() as i64 - count };
        Some(slice(value, from, i64::MAX))
    })
}

/// The characters from one position (from 0) to another.
fn slice(value: &str, from: i64, to: i64) -> &str {
    let (from, to) = (from.max(0), to.max(0));
    let offset = |at: i64| match usize::try_from(at) {
        Ok(at) if value.is_ascii() => at.min(value.len()),
        Ok(at) => value.char_indices().nth(at).map_or(value.len(), |(offset, _)| offset),
        Err(_) => value.len(),
    };
    if from >= to { "" } else { &value[offset(from)..offset(to)] }
}

pub(super) fn replace() -> Arc<Kernel> {
    texts(|args, row, out| {
        let (value, from, to) = (text(&args[0], row)?, text(&args[1], row)?, text(&args[2], row)?);
        let mut rest = value;
        // What is too long already is refused for it; the rest would only take memory.
        while !from.is_empty()
            && out.len() <= TEXT_BYTES
            && let Some((before, after)) = rest.split_once(from)
        {
            out.push_str(before);
            out.push_str(to);
            rest = after;
        }
        out.push_str(rest);
        Some(())
    })
}

/// The n-th part between separators, from 1, or from the end below 0; empty: there is none.
pub(super) fn split_part() -> Arc<Kernel> {
    parts(|args, row| {
        let (value, separator, index) =
            (text(&args[0], row)?, text(&args[1], row)?, number(&args[2], row)?);
        let nth = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX).checked_sub(1);
        let Some(nth) = nth else { return Some("") };
        let part = match (separator.is_empty(), index > 0) {
            // Nothing lies between characters.
            (true, true) => return Some(slice(value, nth as i64, nth as i64 + 1)),
            (true, false) => {
                value.char_indices().rev().nth(nth).map(|(at, c)| &value[at..at + c.len_utf8()])
            }
            (false, true) => value.split(separator).nth(nth),
            (false, false) => value
                .split(separator)
                .count()
                .checked_sub(nth + 1)
                .and_then(|nth| value.split(separator).nth(nth)),
        };
        Some(part.unwrap_or_default())
    })
}

/// One text after the other. `strict`: where one is null, so is the answer.
pub(super) fn concat(strict: bool) -> Arc<Kernel> {
    texts(move |args, row, out| {
        for arg in args {
            match text(arg, row) {
                Some(value) => out.push_str(value),
                None if strict => return None,
                None => {}
            }
        }
        Some(())
    })
}

/// `holds` of two texts.
pub(super) fn relation(holds: fn(&str, &str) -> bool) -> Arc<Kernel> {
    truths(move |args, row| Some(holds(text(&args[0], row)?, text(&args[1], row)?)))
}

pub(super) fn matches(pattern: Regex, negated: bool) -> Arc<Kernel> {
    truths(move |args, row| Some(pattern.is_match(text(&args[0], row)?) != negated))
}

/// The text of a group of the first match; empty: there is none.
pub(super) fn regexp_extract(pattern: Regex, group: usize) -> Arc<Kernel> {
    parts(move |args, row| {
        let value = text(&args[0], row)?;
        let found = pattern.captures(value).and_then(|captures| captures.get(group));
        Some(found.map_or("", |found| found.as_str()))
    })
}

pub(super) fn sha256() -> Arc<Kernel> {
    texts(|args, row, out| {
        write_hexadecimal(&Sha256::digest(text(&args[0], row)?), out);
        Some(())
    })
}

/// Bytes in hexadecimal digits.
pub fn write_hexadecimal(bytes: &[u8], out: &mut String) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    out.extend(
        bytes
            .iter()
            .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]),
    );
}

/// The regular expression of a LIKE pattern. A `%` at an end of it is said by leaving it open
/// there: then texts are searched and not run through.
pub(super) fn like(
    pattern: &str,
    escape: Option<char>,
    ignore_case: bool,
    patterns: &Patterns,
) -> Result<Regex, String> {
    let mut out = String::from(if ignore_case { "(?si)" } else { "(?s)" });
    let rest = if escape == Some('%') { pattern } else { pattern.trim_start_matches('%') };
    if rest.len() == pattern.len() {
        out.push_str(r"\A");
    }
    let mut chars = rest.chars();
    let mut is_open = rest.is_empty() && !pattern.is_empty();
    while let Some(c) = chars.next() {
        is_open = false;
        match c {
            c if Some(c) == escape => match chars.next() {
                Some(escaped) => out.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4]))),
                None => return Err("the pattern ends with its escape character".to_owned()),
            },
            '%' if chars.as_str().is_empty() => is_open = true,
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    if !is_open {
        out.push_str(r"\z");
    }
    patterns.compile(&out).map_err(|refused| refused.describe("the pattern of LIKE"))
}
