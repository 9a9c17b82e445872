//! Checks what must hold of any bytes at all. A violation panics.
//!
//! `cargo fuzz` looks for bytes that violate a property; what it kept in `fuzz/corpus` is tried
//! again by the tests of this crate.

mod input;
mod dialects;
mod readings;
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Tries again what was kept of a target's corpus, and says which file it was.
    fn replay(target: &str, property: fn(&[u8])) {
        let package = std::env::var("CARGO_MANIFEST_DIR").expect("cargo runs this");
        let folder = Path::new(&package).join("../../fuzz/corpus").join(target);
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("there is no corpus in {}: {error}", folder.display()));
        let files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        assert!(!files.is_empty(), "the corpus in {} is empty", folder.display());
        let fails = |file: &&std::path::PathBuf| {
            let bytes = std::fs::read(file).expect("a file of the corpus");
            std::panic::catch_unwind(|| property(&bytes)).is_err()
        };
        let failing: Vec<_> = files.iter().filter(fails).collect();
        assert!(failing.is_empty(), "`{target}` does not hold of {failing:?}");
    }

    #[test]
    fn sniffing() {
        replay("sniffing", super::sniffing);
    }

    #[test]
    fn records() {
        replay("records", super::records);
    }

    #[test]
    fn splits() {
        replay("splits", super::splits);
    }

    #[test]
    fn values() {
        replay("values", super::values);
    }

    #[test]
    fn contracts() {
        replay("contracts", super::contracts);
    }

    #[test]
    fn pages() {
        replay("pages", super::pages);
    }
}
