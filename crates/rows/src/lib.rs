#![doc = include_str!("../README.md")]

mod gather;
mod keep;
pub mod packed_text;
mod select;
mod values;

#[cfg(test)]
mod tests;

pub use gather::{Gather, PartValues, Parts, RowPlace, Texts, concat, gather, take};
pub use keep::{keep, runs};
pub use select::select;
pub use values::{all_null, array_of, relabelled, values_of, with_nulls};

/// Why rows can't be chosen. It quotes no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The chosen texts have more bytes than an array can hold.
    #[error("the chosen rows have more text than an array can hold")]
    TooMuchText,
    /// The types of the arrays differ, or no column has their type.
    #[error("{0}")]
    Types(String),
}
