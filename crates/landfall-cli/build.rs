//! Tells the binary which commit it is built of, where it is built in a checkout:
//! `0.1.0 (0123456789ab)`.
//!
//! Git's files are read, so that no git need be there. What changes with each commit is named to
//! cargo; nothing else makes it build anew.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Digits of the commit's hash that are told.
const HASH_DIGITS: usize = 12;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let version = match commit(&package) {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo:rustc-env=LANDFALL_VERSION={version}");
}

fn commit(package: &Path) -> Option<String> {
    let git = package.ancestors().map(|folder| folder.join(".git")).find(|git| git.exists())?;
    // In a worktree it is a file that says where the folder is.
    let folder = match git.is_file() {
        true => git.parent()?.join(fs::read_to_string(&git).ok()?.strip_prefix("gitdir:")?.trim()),
        false => git,
    };
    // Every commit and every checkout adds a line; `HEAD` alone names the same branch after a
    // commit.
    watched(&folder.join("logs/HEAD"));
    let head = watched(&folder.join("HEAD"))?;
    let hash = match head.strip_prefix("ref:") {
        None => head,
        Some(branch) => {
            // Branches are shared by all worktrees.
            let shared = fs::read_to_string(folder.join("commondir"))
                .map(|shared| folder.join(shared.trim()))
                .unwrap_or(folder);
            watched(&shared.join(branch.trim())).or_else(|| packed(&shared, branch.trim()))?
        }
    };
    let hash = hash.trim().get(..HASH_DIGITS)?;
    hash.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| hash.to_owned())
}

/// The commit of a branch that has no file of its own.
fn packed(shared: &Path, branch: &str) -> Option<String> {
    let refs = watched(&shared.join("packed-refs"))?;
    let line =
        refs.lines().find(|line| line.split_once(' ').is_some_and(|(_, name)| name == branch))?;
    line.split_once(' ').map(|(hash, _)| hash.to_owned())
}

/// The text of a file, which is looked at again when it changes. What is not there is not watched:
/// cargo would take it for changed each time.
fn watched(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    println!("cargo:rerun-if-changed={}", path.display());
    Some(text)
}
