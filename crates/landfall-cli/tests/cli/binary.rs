//! Calls the binary.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};

/// What a call answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) exit: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary, to be given arguments.
pub(crate) fn command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    // Files of tests are small, and have to be split all the same.
    command.args(arguments).env("LANDFALL_TEST_SHARDS", "1");
    command
}

/// Calls the binary and waits for its end.
pub(crate) fn landfall<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Answer {
    answer(command(arguments).output().expect("the binary starts"))
}

pub(crate) fn answer(output: Output) -> Answer {
    let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
    Answer {
        exit: output.status.code().expect("it ends by itself"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// The folder of this package.
pub(crate) fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs this").into()
}

/// A file or folder of the test data.
pub(crate) fn testdata(name: &str) -> PathBuf {
    package().join("../../testdata").join(name)
}

/// A new directory with this file in it.
pub(crate) fn file(name: &str, bytes: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("there is room");
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).expect("there is room");
    (directory, path)
}
