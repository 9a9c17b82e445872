//! Soon.
/// Soon.
pub fn values(_: &[u8]) {}
