//! Sets up private Python environments, one per list of requirements, kept in the cache and shared
//! by all checkouts.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, checkout};

/// Oldest Python that runs the local cloud: MiniStack's own limit.
const OLDEST: (u32, u32) = (3, 10);

/// The interpreter of an environment.
#[derive(Debug, Clone)]
pub struct Python(PathBuf);

impl Python {
    /// The environment of the local cloud: MiniStack, boto3, DuckDB, cfn-lint.
    pub fn of_local_cloud() -> Result<Self> {
        Self::of(&checkout::root().join("xtask/local/requirements.txt"))
    }

    /// The environment of `sam validate`.
    pub fn of_sam() -> Result<Self> {
        Self::of(&checkout::root().join("xtask/local/requirements-lint.txt"))
    }

    /// The environment of the peers, which benchmarks are run beside and which read what Landfall
    /// writes: DuckDB, Polars, PyArrow, and delta-rs.
    pub fn of_peers() -> Result<Self> {
        Self::of(&checkout::root().join("benches/requirements.txt"))
    }

    /// The environment of checkov, which scans the template.
    pub fn of_checkov() -> Result<Self> {
        Self::of(&checkout::root().join("xtask/local/requirements-checkov.txt"))
    }

    /// The environment of schemathesis, which holds the API against its description.
    pub fn of_schemathesis() -> Result<Self> {
        Self::of(&checkout::root().join("xtask/local/requirements-schemathesis.txt"))
    }

    /// The environment of `cargo xtask package`: zig, and what lets cargo build with it.
    pub fn of_packaging() -> Result<Self> {
        Self::of(&checkout::root().join("xtask/local/requirements-package.txt"))
    }

    /// An interpreter that is known to be fit.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where the interpreter lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A command of the interpreter, which writes nothing beside the scripts it runs.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME");
        command
    }

    /// A script of Python that the environment's packages brought. What it says of its interpreter
    /// is not true any more, as the environment was moved into place.
    pub fn script(&self, name: &str) -> Result<Command> {
        let folder = self.0.parent().ok_or("the interpreter lies in no folder")?;
        let mut command = self.command();
        command.arg(folder.join(name));
        Ok(command)
    }

    /// A program that the environment's packages brought, which finds the others among them.
    pub fn tool(&self, name: &str) -> Result<Command> {
        let folder = self.0.parent().ok_or("the interpreter lies in no folder")?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(
            [folder.to_owned()].into_iter().chain(std::env::split_paths(&path)),
        );
        let mut command = Command::new(folder.join(name));
        command.env("PATH", path.map_err(|error| format!("PATH: {error}"))?);
        command
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME");
        Ok(command)
    }

    /// The environment of a requirements file, made at first use. It is moved into place whole: of
    /// two processes that make it, one wins.
    fn of(requirements: &Path) -> Result<Self> {
        let text = fs::read_to_string(requirements)
            .map_err(|error| format!("{}: {error}", requirements.display()))?;
        let mut hash = DefaultHasher::new();
        (&text, base_version()?).hash(&mut hash);
        let cache = checkout::cache()?;
        let folder = cache.join(format!("python-{:016x}", hash.finish()));
        let python = Self(folder.join("bin/python"));
        if python.0.exists() {
            return Ok(python);
        }
        eprintln!(
            "making a Python environment of {} in {}",
            requirements.display(),
            folder.display()
        );
        fs::create_dir_all(&cache).map_err(|error| format!("{}: {error}", cache.display()))?;
        let unfinished = tempfile::tempdir_in(&cache)
            .map_err(|error| format!("{}: {error}", cache.display()))?;
        checkout::run(
            Command::new("python3").args(["-m", "venv"]).arg(unfinished.path()),
            "python3 -m venv",
        )?;
        let mut pip = Command::new(unfinished.path().join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--requirement",
        ])
        .arg(requirements);
        checkout::run(pip.stdout(Stdio::null()), "pip install")?;
        let unfinished = unfinished.keep();
        if fs::rename(&unfinished, &folder).is_err() {
            fs::remove_dir_all(&unfinished)
                .map_err(|error| format!("{}: {error}", unfinished.display()))?;
        }
        if python.0.exists() {
            Ok(python)
        } else {
            Err(format!("{} could not be made", folder.display()))
        }
    }
}

/// The version of the `python3` on the path, when it is new enough and can make environments.
fn base_version() -> Result<String> {
    let wanted =
        format!("Python {}.{} or newer with its `venv` module is needed", OLDEST.0, OLDEST.1);
    let install = "install it with your package manager, e.g. `apt install python3 python3-venv` or `brew install python`";
    let script = "import sys, venv, ensurepip; print(*sys.version_info[:3])";
    let answer = Command::new("python3").args(["-c", script]).output();
    let answer = answer
        .ok()
        .filter(|answer| answer.status.success())
        .ok_or_else(|| format!("{wanted}: {install}"))?;
    let version = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    match is_new_enough(&version) {
        true => Ok(version),
        false => {
            Err(format!("{wanted}, and `python3` is {}: {install}", version.replace(' ', ".")))
        }
    }
}

/// `version` is its numbers, separated by spaces.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split(' ').map_while(|number| number.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= OLDEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let cases = [
            ("3 9 18", false),
            ("3 10 0", true),
            ("3 11 7", true),
            ("4 0 0", true),
            ("2 7 18", false),
            ("", false),
        ];
        for (version, expected) in cases {
            assert_eq!(is_new_enough(version), expected, "{version}");
        }
    }
}
