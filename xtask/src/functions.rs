//! Builds the functions as zip files: one executable each, named `bootstrap`, as Lambda's bare
//! runtimes want it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::{Result, checkout};

/// The functions in step order: each is a folder of `functions/`, a package and a binary.
pub const NAMES: [&str; 8] =
    ["api", "admit", "ingest", "transform", "verify", "store", "settle", "live"];

/// What is built together with the functions. Cargo settles the features of dependencies over all
/// that is built at once, so what is built in two selections is mostly built twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    /// Nothing: the shortest way to a running cloud.
    Alone,
    /// The whole workspace and its tests, which are about to be run.
    WithTests,
}

/// Builds all functions for this machine with the dev profile and zips what changed. Answers the
/// folder of `<function>.zip`.
pub fn build(together: Together) -> Result<PathBuf> {
    let mut cargo = checkout::cargo();
    cargo.arg("build");
    match together {
        Together::Alone => cargo.args(NAMES.iter().flat_map(|name| ["--package", name])),
        Together::WithTests => cargo.args(["--workspace", "--bins", "--tests"]),
    };
    checkout::run(&mut cargo, "building the functions")?;
    let binaries = checkout::target()?.join("debug");
    let zips = checkout::target()?.join("functions");
    fs::create_dir_all(&zips).map_err(|error| format!("{}: {error}", zips.display()))?;
    for name in NAMES {
        let (binary, zip) = (binaries.join(name), zips.join(format!("{name}.zip")));
        if is_older(&zip, &binary) {
            pack(&binary, &zip, CompressionMethod::Stored)?;
        }
    }
    Ok(zips)
}

/// Zips a binary without its symbols, where there is a `strip`. The zip appears whole or not at
/// all.
pub fn pack(binary: &Path, zip: &Path, compression: CompressionMethod) -> Result<()> {
    let failed = |error: &dyn std::fmt::Display| format!("packing {}: {error}", binary.display());
    let folder = zip.parent().ok_or_else(|| failed(&"no folder"))?;
    let scratch = tempfile::tempdir_in(folder).map_err(|error| failed(&error))?;
    let stripped = scratch.path().join("bootstrap");
    let strip = Command::new("strip").arg("-o").arg(&stripped).arg(binary).output();
    let source = if strip.is_ok_and(|strip| strip.status.success()) { &stripped } else { binary };
    let unfinished = scratch.path().join("zip");
    let write = || -> zip::result::ZipResult<()> {
        let mut writer = ZipWriter::new(File::create(&unfinished)?);
        writer.start_file(
            "bootstrap",
            SimpleFileOptions::default().compression_method(compression).unix_permissions(0o755),
        )?;
        io::copy(&mut File::open(source)?, &mut writer)?;
        writer.finish()?;
        Ok(())
    };
    write().map_err(|error| failed(&error))?;
    fs::rename(&unfinished, zip).map_err(|error| failed(&error))
}

/// Whether `made` is missing or older than what it is made of.
fn is_older(made: &Path, of: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    match (time(made), time(of)) {
        (Ok(made), Ok(of)) => made < of,
        _ => true,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_holds_one_executable_bootstrap() {
        let folder = tempfile::tempdir().unwrap();
        let zip = folder.path().join("x.zip");
        pack(&std::env::current_exe().unwrap(), &zip, CompressionMethod::Stored).unwrap();
        let mut archive = zip::ZipArchive::new(File::open(&zip).unwrap()).unwrap();
        assert_eq!(archive.len(), 1);
        let entry = archive.by_index(0).unwrap();
        assert_eq!(entry.name().unwrap(), "bootstrap");
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert!(entry.size() > 0);
    }

    #[test]
    fn only_what_changed_is_packed_again() {
        let folder = tempfile::tempdir().unwrap();
        let (made, of) = (folder.path().join("made"), folder.path().join("of"));
        fs::write(&of, "x").unwrap();
        assert!(is_older(&made, &of), "nothing was made yet");
        fs::write(&made, "x").unwrap();
        let later = File::open(&of).unwrap().metadata().unwrap().modified().unwrap()
            + std::time::Duration::from_secs(1);
        File::options().write(true).open(&made).unwrap().set_modified(later).unwrap();
        assert!(!is_older(&made, &of));
        File::options()
            .write(true)
            .open(&of)
            .unwrap()
            .set_modified(later + std::time::Duration::from_secs(1))
            .unwrap();
        assert!(is_older(&made, &of), "it was built since");
    }
}
