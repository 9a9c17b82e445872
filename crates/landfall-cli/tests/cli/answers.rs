//! Checks how commands behave with stdin, stdout, archives and locks.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use crate::binary::{Answer, answer, command};

const CONTRACT: &str = "name: trips\nschema: { fields: [ { name: id, type: integer }, { name: note, type: string } ] }\n";

/// A directory with a contract, a source and a lake in which it has landed.
struct Landed(tempfile::TempDir);

impl Landed {
    fn new() -> Self {
        let landed = Self::with(CONTRACT, "id,note\n1,a\n2,b\n");
        assert_eq!(landed.run(&["run", "c.yaml", "t.csv", "--lake", "lake"]).exit, 0);
        landed
    }

    fn with(contract: &str, source: &str) -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        let landed = Self(directory);
        landed.write("c.yaml", contract);
        landed.write("t.csv", source);
        landed
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("there is room");
    }

    /// Calls the binary there.
    fn run(&self, arguments: &[&str]) -> Answer {
        answer(command(arguments).current_dir(self.0.path()).output().expect("the binary starts"))
    }

    /// Calls the binary there, with something on stdin.
    fn fed(&self, arguments: &[&str], input: &str) -> Answer {
        let mut command = command(arguments);
        command
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        // A process that doesn't read it closes the pipe.
        let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
        answer(child.wait_with_output().expect("it ends"))
    }
}

/// A call of every command that writes to stdout.
const CALLS: [&[&str]; 15] = [
    &["--help"],
    &["--version"],
    &["run", "--help"],
    &["new", "t.csv"],
    &["new", "t.csv", "--json"],
    &["check", "c.yaml"],
    &["check", "c.yaml", "--json"],
    &["plan", "c.yaml", "t.csv"],
    &["plan", "c.yaml", "t.csv", "--json"],
    &["run", "c.yaml", "t.csv", "--lake", "lake", "--force"],
    &["run", "c.yaml", "t.csv", "--lake", "lake", "--force", "--json"],
    &["files", "trips", "--lake", "lake"],
    &["files", "trips", "--lake", "lake", "--json"],
    &["rows", "t.csv"],
    &["profile", "t.csv"],
];

#[cfg(target_os = "linux")]
#[test]
fn what_can_not_be_said_is_a_failure() {
    let landed = Landed::new();
    for call in CALLS {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
        let output = command(call)
            .current_dir(landed.0.path())
            .stdout(full)
            .output()
            .expect("the binary starts");
        let answer = answer(output);
        assert_eq!(answer.exit, 3, "{call:?}: {}", answer.stderr);
        assert!(
            answer.stderr.contains("the output can't be written: "),
            "{call:?}: {}",
            answer.stderr
        );
    }
}

#[test]
fn who_has_read_enough_is_no_failure() {
    let landed = Landed::new();
    for call in CALLS {
        let mut command = command(call);
        command.current_dir(landed.0.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        drop(child.stdout.take());
        let answer = answer(child.wait_with_output().expect("it ends"));
        assert!(
            answer.exit == 0
                && !answer.stderr.contains("written")
                && !answer.stderr.contains("panic"),
            "{call:?}: {answer:?}"
        );
    }
}

#[test]
fn a_lake_is_a_directory_of_this_machine() {
    let landed = Landed::with(CONTRACT, "id,note\n1,a\n");
    for lake in ["s3://bucket/lake", "gs://bucket", "file:///tmp/lake"] {
        for call in
            [&["run", "c.yaml", "t.csv", "--lake", lake][..], &["files", "trips", "--lake", lake]]
        {
            let answer = landed.run(call);
            assert_eq!((answer.exit, answer.stdout.as_str()), (2, ""), "{call:?}");
            let told = format!("landfall: {lake}: a lake is a directory of this machine: give ");
            assert!(answer.stderr.starts_with(&told), "{call:?}: {}", answer.stderr);
        }
    }
    let there: Vec<_> = std::fs::read_dir(landed.0.path()).expect("it is there").collect();
    assert_eq!(there.len(), 2, "nothing was made: {there:?}");
    for call in [
        &["run", "c.yaml", "s3://bucket/t.csv", "--lake", "lake"][..],
        &["rows", "s3://b/t.csv"],
        &["check", "https://x.org/c.yaml"],
    ] {
        let answer = landed.run(call);
        assert!(
            answer.exit > 0 && answer.stderr.contains("only files of this machine are read: "),
            "{call:?}: {}",
            answer.stderr
        );
    }
}

#[test]
fn standard_input_is_read_where_it_can_be() {
    let landed = Landed::with(CONTRACT, "");
    let source = "id,note\n1,a\n2,b\n";
    assert_eq!(
        landed.fed(&["check", "-"], CONTRACT).stdout,
        "trips: 2 fields, not partitioned, rejects: no limit\n"
    );
    assert_eq!(
        landed.fed(&["rows", "-"], source).stdout,
        "[\"id\",\"note\"]\n[\"1\",\"a\"]\n[\"2\",\"b\"]\n"
    );
    assert!(landed.fed(&["new", "-", "--name", "t"], source).stdout.contains("name: t\n"));
    assert!(
        landed.fed(&["profile", "-", "--contract", "c.yaml"], source).stdout.ends_with("2 rows\n")
    );
    let answer = landed.fed(&["run", "c.yaml", "-", "--lake", "lake"], source);
    assert!(answer.stdout.starts_with("landed    - in trips, commit 0\n"), "{answer:?}");
    for (call, told) in [
        (&["profile", "-"][..], "standard input can be read once"),
        (&["run", "c.yaml", "-", "t.csv", "--lake", "lake"], "standard input is landed alone"),
    ] {
        let answer = landed.fed(call, source);
        assert!(answer.exit == 2 && answer.stderr.contains(told), "{call:?}: {answer:?}");
    }
}

#[test]
fn a_contract_is_told_from_what_is_none() {
    let landed = Landed::with("name: trips\nschema: { fields: [\n", "id,note\n1,a\n");
    for call in [
        &["check", "t.csv"][..],
        &["run", "t.csv", "c.yaml", "--lake", "lake"],
        &["plan", "t.csv", "c.yaml"],
    ] {
        let answer = landed.run(call);
        assert_eq!(answer.exit, 2, "{call:?}");
        assert!(
            answer.stderr.contains("t.csv:1:1: this does not look like a contract"),
            "{call:?}: {}",
            answer.stderr
        );
        assert!(answer.stderr.contains("it begins with `id,note`"), "{call:?}: {}", answer.stderr);
    }
    // Larger than any contract: what it is counts, not how large.
    landed.write("large.csv", "id,note\n".repeat(600_000));
    let answer = landed.run(&["check", "large.csv"]);
    assert!(
        answer.exit == 2
            && answer.stderr.contains("large.csv:1:1: this does not look like a contract"),
        "{}",
        answer.stderr
    );
    for call in [&["check", "c.yaml"][..], &["run", "c.yaml", "t.csv", "--lake", "lake"]] {
        let answer = landed.run(call);
        assert!(
            answer.exit == 2 && !answer.stderr.contains("<input>"),
            "{call:?}: {}",
            answer.stderr
        );
    }
}

/// The lock is one of another process, which never lets go of it.
#[cfg(unix)]
#[test]
fn who_waits_for_a_lock_says_so_and_obeys() {
    use std::io::{BufRead as _, BufReader, Read as _};
    let landed = Landed::with(CONTRACT, "id,note\n1,a\n");
    std::fs::create_dir_all(landed.path("lake/_landfall/registry")).expect("there is room");
    let held =
        std::fs::File::create(landed.path("lake/_landfall/registry/.lock")).expect("there is room");
    held.lock().expect("nobody holds it");
    let mut command = command(["run", "c.yaml", "t.csv", "--lake", "lake"]);
    command.current_dir(landed.0.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut told = String::new();
    stderr.read_line(&mut told).expect("it writes UTF-8");
    assert!(
        told.contains("waits for ")
            && told.contains("holds the lock ")
            && told.contains("registry/.lock"),
        "{told}"
    );
    #[cfg(target_os = "linux")]
    assert!(
        told.contains("another process")
            || told.contains(&format!("process {}", std::process::id())),
        "{told}"
    );
    let sent = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("there is a `kill`");
    assert!(sent.success());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("it writes UTF-8");
    let answer = answer(child.wait_with_output().expect("it ends"));
    assert_eq!(answer.exit, 130, "{answer:?} {rest}");
    drop(held);
    assert_eq!(
        landed.run(&["run", "c.yaml", "t.csv", "--lake", "lake"]).exit,
        0,
        "nothing is in the way"
    );
}
