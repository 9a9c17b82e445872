//! Functions of text. Positions and lengths are of characters, not of bytes.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray, Int64Array};
use regex::Regex;
use sha2::{Digest, Sha256};

use super::values::{Kernel, Trouble, Values, too_much_text};
use crate::limits::FIELD_BYTES;

/// Most bytes of text that an operator makes of one batch.
const MOST_BYTES: usize = 1 << 30;

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

/// An operator that makes text, or null, for each row.
fn texts(make: impl for<'a> Fn(&'a [Values], usize) -> Option<Cow<'a, str>> + Send + Sync + 'static) -> Arc<Kernel> {
    Arc::new(move |args, rows| {
        let mut out = StringBuilder::with_capacity(rows, rows * 8);
        let mut bytes = 0;
        for row in 0..rows {
            let value = make(args, row);
            let length = value.as_ref().map_or(0, |value| value.len());
            if length > FIELD_BYTES as usize {
                return Err(Trouble::Row(format!("the text has more than {FIELD_BYTES} bytes")));
            }
            bytes += length;
            if bytes > MOST_BYTES {
                return Err(Trouble::Whole(too_much_text()));
            }
            out.append_option(value);
        }
        Ok(Arc::new(out.finish()))
    })
}

/// An operator that says yes or no, or null, for each row.
fn truths(decide: impl Fn(&[Values], usize) -> Option<bool> + Send + Sync + 'static) -> Arc<Kernel> {
    Arc::new(move |args, rows| Ok(Arc::new((0..rows).map(|row| decide(args, row)).collect::<BooleanArray>())))
}

pub(super) fn lower() -> Arc<Kernel> {
    texts(|args, row| text(&args[0], row).map(|value| value.to_lowercase().into()))
}

pub(super) fn upper() -> Arc<Kernel> {
    texts(|args, row| text(&args[0], row).map(|value| value.to_uppercase().into()))
}

/// Trims spaces, or any of the characters of the second argument.
pub(super) fn trim(ends: Ends) -> Arc<Kernel> {
    texts(move |args, row| {
        let value = text(&args[0], row)?;
        let of = match args.get(1) {
            Some(arg) => text(arg, row)?,
            None => " ",
        };
        let is_trimmed = |c: char| of.contains(c);
        Some(Cow::Borrowed(match ends {
            Ends::Both => value.trim_matches(is_trimmed),
            Ends::Left => value.trim_start_matches(is_trimmed),
            Ends::Right => value.trim_end_matches(is_trimmed),
        }))
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
    texts(|args, row| {
        let (value, start) = (text(&args[0], row)?, number(&args[1], row)?);
        let count = || value.chars().count() as i64;
        // Position 1 is the first character, and -1 the last one; what lies before the first is cut off the length.
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
    texts(|args, row| {
        let (value, count) = (text(&args[0], row)?, number(&args[1], row)?);
        let to = if count < 0 { count.saturating_add(value.chars().count() as i64) } else { count };
        Some(slice(value, 0, to))
    })
}

/// The last characters; all but the first ones, if there are fewer than none.
pub(super) fn right() -> Arc<Kernel> {
    texts(|args, row| {
        let (value, count) = (text(&args[0], row)?, number(&args[1], row)?);
        let from = if count < 0 { count.saturating_neg() } else { value.chars().count() as i64 - count };
        Some(slice(value, from, i64::MAX))
    })
}

/// The characters from one position (from 0) to another.
fn slice(value: &str, from: i64, to: i64) -> Cow<'_, str> {
    let (from, to) = (from.max(0), to.max(0));
    let offset = |at: i64| match usize::try_from(at) {
        Ok(at) if value.is_ascii() => at.min(value.len()),
        Ok(at) => value.char_indices().nth(at).map_or(value.len(), |(offset, _)| offset),
        Err(_) => value.len(),
    };
    if from >= to { Cow::Borrowed("") } else { Cow::Borrowed(&value[offset(from)..offset(to)]) }
}

pub(super) fn replace() -> Arc<Kernel> {
    texts(|args, row| {
        let (value, from, to) = (text(&args[0], row)?, text(&args[1], row)?, text(&args[2], row)?);
        if from.is_empty() || !value.contains(from) {
            return Some(Cow::Borrowed(value));
        }
        let mut out = String::new();
        let mut rest = value;
        while let Some((before, after)) = rest.split_once(from) {
            out.push_str(before);
            out.push_str(to);
            rest = after;
            if out.len() > FIELD_BYTES as usize {
                // It is refused for its length; the rest would only take memory.
                return Some(out.into());
            }
        }
        out.push_str(rest);
        Some(out.into())
    })
}

/// The n-th part between separators, from 1, or from the end below 0; empty: there is none.
pub(super) fn split_part() -> Arc<Kernel> {
    texts(|args, row| {
        let (value, separator, index) = (text(&args[0], row)?, text(&args[1], row)?, number(&args[2], row)?);
        let nth = usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX).checked_sub(1);
        let Some(nth) = nth else { return Some(Cow::Borrowed("")) };
        let part = match (separator.is_empty(), index > 0) {
            // Nothing lies between characters.
            (true, true) => return Some(slice(value, nth as i64, nth as i64 + 1)),
            (true, false) => value.char_indices().rev().nth(nth).map(|(at, c)| &value[at..at + c.len_utf8()]),
            (false, true) => value.split(separator).nth(nth),
            (false, false) => value.split(separator).collect::<Vec<_>>().into_iter().rev().nth(nth),
        };
        Some(Cow::Borrowed(part.unwrap_or_default()))
    })
}

/// One text after the other. `strict`: where one is null, so is the answer.
pub(super) fn concat(strict: bool) -> Arc<Kernel> {
    texts(move |args, row| {
        let mut out = String::new();
        for arg in args {
            match text(arg, row) {
                Some(value) => out.push_str(value),
                None if strict => return None,
                None => {}
            }
        }
        Some(out.into())
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
    texts(move |args, row| {
        let value = text(&args[0], row)?;
        let found = pattern.captures(value).and_then(|captures| captures.get(group));
        Some(Cow::Borrowed(found.map_or("", |found| found.as_str())))
    })
}

pub(super) fn sha256() -> Arc<Kernel> {
    texts(|args, row| {
        let digest = Sha256::digest(text(&args[0], row)?);
        let mut out = String::with_capacity(64);
        for byte in digest {
            let _ = write!(out, "{byte:02x}");
        }
        Some(out.into())
    })
}

/// The regular expression of a LIKE pattern.
pub(super) fn like(pattern: &str, escape: Option<char>, ignore_case: bool) -> Result<Regex, String> {
    let mut out = String::from(if ignore_case { r"(?si)\A" } else { r"(?s)\A" });
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            c if Some(c) == escape => match chars.next() {
                Some(escaped) => out.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4]))),
                None => return Err("the pattern ends with its escape character".to_owned()),
            },
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    out.push_str(r"\z");
    Regex::new(&out).map_err(|error| error.to_string())
}
