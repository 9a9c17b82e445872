//! What must hold of any bytes at all. A violation panics.
//!
//! `cargo fuzz` looks for bytes that violate a property; what it kept in `fuzz/corpus` is tried again by the tests of this crate.

mod input;
mod dialects;
mod records;
mod splits;
mod table;
mod sniffing;
mod values;
mod contracts;
mod pages;

pub use contracts::contracts;
pub use pages::pages;
pub use records::records;
pub use sniffing::sniffing;
pub use splits::splits;
pub use values::values;
