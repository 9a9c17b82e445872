//! Runs `cargo xtask bench`: measures how fast Landfall is, beside its peers.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::checkout::{self, cargo, run};
use xtask::{Python, Result};

/// TPC-H's scale at which its widest table has 1,076 MB, and the size of the messy file in MB.
const WHOLE: (&str, &str) = ("1.4", "500");
/// The same for a first look.
const QUICK: (&str, &str) = ("0.14", "50");

/// Builds what is measured, makes the files that are read (kept in the cache), and prints tables:
/// records alone beside the csv crate, then CSV to Parquet beside the peers.
pub(crate) fn bench(quick: bool, runs: u32) -> Result<()> {
    let (root, python) = (checkout::root(), Python::of_peers()?);
    run(cargo().args(["build", "--release", "--package", "landfall-cli"]), "cargo build")?;
    run(
        cargo().args(["build", "--release", "--package", "landing", "--example", "records_speed"]),
        "cargo build",
    )?;
    let release = checkout::target()?.join("release");
    let files = files(&python, if quick { QUICK } else { WHOLE })?;
    for name in ["lineitem", "messy"] {
        println!("\nrecords of {name}.csv: split, unquoted, counted\n");
        run(
            Command::new(release.join("examples/records_speed"))
                .arg(files.join(format!("{name}.csv"))),
            "records_speed",
        )?;
    }
    let out =
        tempfile::tempdir_in(&files).map_err(|error| format!("{}: {error}", files.display()))?;
    let mut peers = python.command();
    peers
        .arg(root.join("benches/peers.py"))
        .arg(release.join("landfall"))
        .arg(&files)
        .arg(out.path())
        .args(["--runs", &runs.to_string()]);
    run(&mut peers, "benches/peers.py")
}

/// The folder of the files, which are made once.
fn files(python: &Python, (scale, megabytes): (&str, &str)) -> Result<PathBuf> {
    let folder = checkout::cache()?.join(format!("bench-{scale}-{megabytes}"));
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    if !folder.join("lineitem.csv").exists() {
        let generator = python.path().with_file_name("tpchgen-cli");
        make(&folder, "lineitem.csv", |unfinished| {
            let arguments = ["csv", "-s", scale, "--tables=lineitem", "--output-dir"];
            run(Command::new(&generator).args(arguments).arg(unfinished), "tpchgen-cli")
        })?;
    }
    for (name, bad) in [("messy.csv", "0.01"), ("clean.csv", "0")] {
        if !folder.join(name).exists() {
            let script = checkout::root().join("benches/messy.py");
            make(&folder, name, |unfinished| {
                run(
                    python.command().arg(&script).arg(unfinished.join(name)).args([megabytes, bad]),
                    "benches/messy.py",
                )
            })?;
        }
    }
    Ok(folder)
}

/// Makes a file, and what belongs to it, in a folder of its own, so that none is ever taken half
/// made.
fn make(folder: &Path, name: &str, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let fault = |error: std::io::Error| format!("{}: {error}", folder.display());
    let unfinished = tempfile::tempdir_in(folder).map_err(fault)?;
    write(unfinished.path())?;
    for entry in std::fs::read_dir(unfinished.path()).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        // The file itself goes last: where it is, all is.
        if entry.file_name() != *name {
            std::fs::rename(entry.path(), folder.join(entry.file_name())).map_err(fault)?;
        }
    }
    std::fs::rename(unfinished.path().join(name), folder.join(name)).map_err(fault)
}
