//! Runs scanners for what others found out the hard way: unsafe templates, unwanted dependencies.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::{Python, Result, checkout};

use super::quietly;

/// The cargo-deny that `deny.toml` was written for.
const CARGO_DENY: &str = "0.20.2";

/// checkov on the template, and on what SAM makes of it, which has the roles.
pub(super) fn checkov() -> Result<()> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let expanded = folder.path().join("template.json");
    let mut expand = Python::of_local_cloud()?.command();
    expand.arg("xtask/local/expand.py").arg("template.yaml");
    fs::write(&expanded, quietly(&mut expand)?)
        .map_err(|error| format!("{}: {error}", expanded.display()))?;
    for template in [Path::new("template.yaml"), &expanded] {
        let mut checkov = Python::of_checkov()?.command();
        checkov.args([
            "-m",
            "checkov.main",
            "--framework",
            "cloudformation",
            "--compact",
            "--quiet",
            "--skip-download",
        ]);
        quietly(checkov.arg("--file").arg(template))?;
    }
    Ok(())
}

/// Licences, versions and sources of all dependencies, by `deny.toml`.
pub(super) fn cargo_deny() -> Result<()> {
    quietly(Command::new(installed_cargo_deny()?).args([
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))?;
    Ok(())
}

/// cargo-deny in the cache, built at first use: nobody ships binaries of it that a registry has. It
/// works for seconds, so it is built for the fastest build: a minute and a half instead of many.
fn installed_cargo_deny() -> Result<PathBuf> {
    let cache = checkout::cache()?;
    let folder = cache.join(format!("cargo-deny-{CARGO_DENY}"));
    let binary = folder.join("bin/cargo-deny");
    if binary.exists() {
        return Ok(binary);
    }
    eprintln!("building cargo-deny {CARGO_DENY} in {}", folder.display());
    let failed = |error: std::io::Error| format!("{}: {error}", cache.display());
    fs::create_dir_all(&cache).map_err(failed)?;
    let unfinished = tempfile::tempdir_in(&cache).map_err(failed)?;
    let root = unfinished.path().join("root");
    let mut cargo = checkout::cargo();
    cargo
        .args([
            "install",
            "--quiet",
            "--locked",
            "--debug",
            "cargo-deny",
            "--version",
            CARGO_DENY,
            "--root",
        ])
        .arg(&root);
    cargo
        .env("CARGO_TARGET_DIR", unfinished.path().join("target"))
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    checkout::run(&mut cargo, "cargo install cargo-deny")?;
    // Whole or not at all: of two processes that build it, one wins.
    fs::rename(&root, &folder).ok();
    if binary.exists() {
        Ok(binary)
    } else {
        Err(format!("{} could not be made", folder.display()))
    }
}
