//! How strongly operators hold their operands, weakest first, as in DuckDB.

pub(super) const ANY: u8 = 1;
pub(super) const OR: u8 = 2;
pub(super) const AND: u8 = 3;
pub(super) const NOT: u8 = 4;
pub(super) const IS: u8 = 5;
pub(super) const COMPARE: u8 = 6;
/// Also `IN` and `BETWEEN`.
pub(super) const LIKE: u8 = 7;
pub(super) const APPEND: u8 = 8;
pub(super) const ADD: u8 = 9;
pub(super) const MULTIPLY: u8 = 10;
pub(super) const AT_TIME_ZONE: u8 = 11;
pub(super) const SIGN: u8 = 12;
pub(super) const CAST: u8 = 13;
