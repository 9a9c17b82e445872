//! Reads and writes sizes in bytes, as people do.

use landing::plan::LEAST_ASKED_SHARD_BYTES;
pub(crate) use wording::{count, counted, parse_bytes};

/// Reads the size of a shard that is asked for.
pub(crate) fn parse_shard_size(text: &str) -> Result<u64, String> {
    let bytes = parse_bytes(text)?;
    // Tests split small files: it is theirs alone, and in no help.
    let is_test = std::env::var_os("LANDFALL_TEST_SHARDS").is_some();
    if bytes < LEAST_ASKED_SHARD_BYTES && !is_test {
        return Err(
            "a shard has at least 64KiB: smaller ones cost more than what is in them".to_owned()
        );
    }
    Ok(bytes)
}

/// Writes a size in powers of 1,000: `5.4 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    let larger = [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)];
    match larger.into_iter().find(|(_, factor)| bytes as f64 >= *factor) {
        Some((unit, factor)) => format!("{:.1} {unit}", bytes as f64 / factor),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written() {
        assert_eq!(
            [0, 999, 1_000, 5_449_999, 31_053_850].map(bytes),
            ["0 B", "999 B", "1.0 kB", "5.4 MB", "31.1 MB"]
        );
    }
}
