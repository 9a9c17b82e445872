//! `cargo xtask reference`: the pages of the reference that the code writes.

use std::fs;

use xtask::{Result, checkout};

/// The pages, and what prints each.
const PAGES: [(&str, &[&str]); 2] = [
    ("openapi.json", &["--package", "api", "--example", "openapi"]),
    ("contract.schema.json", &["--package", "contract", "--example", "json_schema"]),
];

/// Writes them anew.
pub(crate) fn reference() -> Result<()> {
    for (page, printer) in PAGES {
        let path = checkout::root().join("docs/reference").join(page);
        let printed = checkout::cargo().args(["run", "--quiet"]).args(printer).output();
        let printed = printed.map_err(|error| format!("{page}: {error}"))?;
        if !printed.status.success() {
            return Err(format!("{page}: {}", String::from_utf8_lossy(&printed.stderr)));
        }
        fs::write(&path, printed.stdout).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}
