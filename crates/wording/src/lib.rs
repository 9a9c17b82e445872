//! Turns values into the words of messages: texts cut and with what can't be seen made visible,
//! counts and sizes, the word that was meant, and what may be told of another library's error.

mod nearest;
mod size;
mod unquoted;
mod visible;

pub use nearest::nearest;
pub use size::{count, counted, parse_bytes};
pub use unquoted::{Unquoted, variant};
pub use visible::{VALUE_CHARS, cut, odd_name, quote};
