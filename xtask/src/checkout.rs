//! Says where things lie.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::Result;

/// The root of the checkout. Cargo tells whoever it runs: a path from compile time is that of
/// another checkout where one build cache serves several.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let package =
            PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this"));
        package
            .ancestors()
            .find(|folder| folder.join("Cargo.lock").is_file())
            .expect("the package lies in a workspace")
            .to_owned()
    })
}

/// Every file of a kind, which is what its name ends with, at or below a path of the checkout; in
/// order.
///
/// # Panics
///
/// A folder can't be read.
pub fn files(place: &str, kind: &str) -> Vec<PathBuf> {
    let (mut left, mut found) = (vec![root().join(place)], Vec::new());
    while let Some(path) = left.pop() {
        if path.is_dir() {
            let entries = path.read_dir().unwrap_or_else(|error| panic!("{place}: {error}"));
            left.extend(entries.map(|entry| entry.expect("the folder can be read").path()));
        } else if path.extension().is_some_and(|extension| extension == kind) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A file of the checkout as messages name it: from the root.
pub fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().into_owned()
}

/// Where cargo puts what it builds.
pub fn target() -> Result<&'static Path> {
    static TARGET: OnceLock<Result<PathBuf>> = OnceLock::new();
    TARGET.get_or_init(ask_cargo).as_deref().map_err(Clone::clone)
}

/// A folder outside the checkout for what is slow to make and the same for every checkout.
pub fn cache() -> Result<PathBuf> {
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base =
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    Ok(base.ok_or("neither XDG_CACHE_HOME nor HOME is set to an absolute path")?.join("landfall"))
}

/// A `cargo` that runs in the checkout, the same one that runs this.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root());
    cargo
}

/// Runs a command to its end; `what` names it where it fails.
pub fn run(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().map_err(|error| format!("{what}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{what} failed ({status})")) }
}

fn ask_cargo() -> Result<PathBuf> {
    let answer =
        cargo().args(["metadata", "--no-deps", "--format-version", "1", "--offline"]).output();
    let answer = answer.map_err(|error| format!("cargo metadata: {error}"))?;
    let metadata: serde_json::Value = serde_json::from_slice(&answer.stdout)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let folder =
        metadata["target_directory"].as_str().ok_or("cargo metadata names no target directory")?;
    Ok(folder.into())
}
