//! Turns texts into values of a type: numbers, booleans and moments, as they are written.

mod layout;
mod locales;
mod pattern;
mod scalar;
mod written;
mod written_zones;

pub use layout::{Layout, Words};
pub use locales::Locale;
pub use pattern::{Ambiguous, EPOCHS, Pattern, YEAR_PIVOT};
pub use scalar::{Scalar, ValueError, boolean, decimal, describe, float, in_range, integer};

/// A text without the spaces and tabs around it.
pub fn trim(text: &[u8]) -> &[u8] {
    let is_kept = |byte: &u8| !matches!(byte, b' ' | b'\t');
    match (text.iter().position(is_kept), text.iter().rposition(is_kept)) {
        (Some(first), Some(last)) => &text[first..=last],
        _ => &[],
    }
}
