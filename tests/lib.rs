//! Tests the whole: `main.rs` is the one test binary.
