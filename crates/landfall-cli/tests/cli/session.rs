//! Calls in a directory of their own, and all that they print, compared with a reviewed snapshot.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use crate::binary::{Answer, answer, command};

/// Calls of the binary in a directory.
pub(crate) struct Session {
    directory: tempfile::TempDir,
    /// The calls so far, with what they printed: stdout as it is, stderr behind `! `.
    told: String,
}

impl Session {
    /// A directory with these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let session =
            Self { directory: tempfile::tempdir().expect("there is room"), told: String::new() };
        for (name, text) in files {
            session.write(name, text);
        }
        session
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("there is room");
    }

    /// Calls the binary there, and keeps what it prints.
    pub(crate) fn call(&mut self, arguments: &[&str]) -> Answer {
        let mut command = command(arguments);
        command.current_dir(self.directory.path());
        let answer = answer(command.output().expect("the binary starts"));
        let quoted = arguments.iter().map(|argument| match argument.contains([' ', '|']) {
            true => format!("'{argument}'"),
            false => (*argument).to_owned(),
        });
        self.told += &format!("$ landfall {}\n", quoted.collect::<Vec<_>>().join(" "));
        self.told += &answer.stdout;
        answer.stderr.lines().for_each(|line| self.told += &format!("! {line}\n"));
        self.told += &format!("exit {}\n\n", answer.exit);
        answer
    }

    /// Fails unless all that was printed is what the snapshot of this name holds.
    #[track_caller]
    pub(crate) fn check(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings
            .bind(|| insta::assert_snapshot!(name, redacted(&self.told, self.directory.path())));
    }
}

/// What differs from run to run, and what stands for it.
static REDACTIONS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<job>"),
        (r"[0-9a-f]{8}…", "<job>…"),
        (r"-[0-9a-f]{32}-", "-<attempt>-"),
        (r"(commit \d+ of )\S+Z", "${1}<time>"),
        (r"\d+\.\d\d s\b", "<seconds> s"),
        (r"[\d.,]+ MB/s", "<speed> MB/s"),
        // What a run would have cost is told by its time.
        (r"(nothing here; on AWS an estimated )[\d.]+", "${1}<cost>"),
        // Parquet says which version of its library wrote it.
        (r"(rows|files?  +\d+), [\d.,]+ k?B", "$1, <size>"),
    ]
    .map(|(pattern, name)| (Regex::new(pattern).expect("it is a pattern"), name))
    .into()
});

fn redacted(told: &str, directory: &Path) -> String {
    // Where temporary files are kept may be a link.
    let real = directory.canonicalize().expect("it is there");
    let told = told.replace(&real.display().to_string(), "<directory>");
    let told = told.replace(&directory.display().to_string(), "<directory>");
    REDACTIONS
        .iter()
        .fold(told, |told, (pattern, name)| pattern.replace_all(&told, *name).into_owned())
}
