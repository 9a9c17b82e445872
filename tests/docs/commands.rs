//! Runs every command that the documentation prints, and compares its answer with what the page
//! shows.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use xtask::{Python, checkout};

use super::page::{self, Kind, Page};
use crate::end_to_end::landfall;

/// Stands for any text within a line; a line of nothing else for any lines.
const ANYTHING: &str = "…";
/// Stands for DuckDB's command, which no package of the environment has: the same engine writes the
/// same CSV.
const DUCKDB: &str = "
import duckdb, sys
form, flag, query = sys.argv[1:]
assert (form, flag) == ('-csv', '-c'), 'other options are not known here'
duckdb.sql(f\"COPY ({query}) TO '/dev/stdout' (FORMAT csv, HEADER)\")
";

/// Why a command is not run here.
enum Elsewhere {
    /// A test does the same: its file in the checkout, and its name.
    Test(&'static str, &'static str),
    /// No test does, for this reason.
    Untested(&'static str),
}
use Elsewhere::{Test, Untested};

/// Builds, deploys, drops a file in the inbox, and lists its job.
const SHIPPING: Elsewhere =
    Test("tests/end_to_end/shipping.rs", "a_file_lands_on_what_the_printed_commands_deploy");

/// Gets open rejects as Parquet, and asks DuckDB of them.
const SQL: Elsewhere = Test("tests/flow/open_rejects.rs", "the_printed_query_reads_the_file");

/// All commands that are not run here.
const ELSEWHERE: [(&str, Elsewhere); 29] = [
    (
        "cargo install --path crates/landfall-cli --locked",
        Untested("it builds the command as a release, as `cargo xtask bench` does"),
    ),
    ("cargo xtask", Untested("it lists the tasks and ends with 2")),
    (
        "cargo xtask demo",
        Untested("`tests/end_to_end` runs the same cloud and lands the same files"),
    ),
    ("cargo xtask demo --keep", Untested("it runs until somebody ends it")),
    ("cargo xtask test", Untested("it is what runs this test")),
    ("cargo xtask test flow::splits", Untested("it is what runs this test")),
    ("cargo xtask lint", Untested("`.ci/run` runs it")),
    ("cargo xtask console", Untested("`.ci/run` runs it")),
    (
        "cargo xtask reference",
        Test("functions/api/tests/api/openapi.rs", "the_description_is_checked_in"),
    ),
    ("cargo +nightly fuzz run records", Untested("it runs until somebody ends it")),
    ("cargo +nightly fuzz cmin records", Untested("it changes the corpus")),
    (".ci/run", Untested("it is what runs this test")),
    ("cargo xtask package --arch arm64", SHIPPING),
    ("sam deploy", SHIPPING),
    (
        "sam deploy --parameter-overrides Console=true Auth=JWT JwtIssuer=$ISSUER JwtAudience=$AUDIENCE",
        Untested("the local cloud serves the console without CloudFront"),
    ),
    (
        "aws s3 sync console s3://$SITE --exclude 'tests/*' --cache-control no-cache",
        Untested("the local cloud puts the console there itself"),
    ),
    (
        "sam deploy --parameter-overrides ConsoleClientId=$CLIENT Console=true Auth=JWT JwtIssuer=$ISSUER JwtAudience=$AUDIENCE",
        Test("tests/agreement/template.rs", "the_console_is_told_what_it_reads"),
    ),
    ("curl -X PUT $API/datasets/flights --data-binary @testdata/contracts/flights.yaml", SHIPPING),
    ("aws s3 cp flights.csv s3://$INBOX/inbox/flights/", SHIPPING),
    (
        r#"curl $API/datasets/events/backfill -d '{"glob": "2025/**/*.csv.gz"}'"#,
        Test("functions/api/tests/api/jobs.rs", "a_backfill_lands_the_folder_of_a_dataset"),
    ),
    (
        r#"curl $API/jobs -d '{"dataset": "events", "source": {"manifest": {"key": "staged/events/2025.jsonl"}}}'"#,
        Test("functions/api/tests/api/jobs.rs", "a_source_may_have_many_objects"),
    ),
    ("curl $API/jobs?dataset=flights", SHIPPING),
    (
        "curl $API/jobs/$JOB/outputs",
        Test("tests/end_to_end/real_input.rs", "flights_and_weather_land_whole"),
    ),
    (
        "curl $API/jobs/$JOB/rejects",
        Test("tests/end_to_end/limits.rs", "a_file_over_its_limit_leaves_only_its_rejects"),
    ),
    (
        r#"jq -n --rawfile contract orders.yaml '{dryRun: true, $contract}' | curl -d @- "$API/jobs/$JOB/replay" | jq .sample.counts"#,
        Test("tests/flow/tried_rejects.rs", "rejects_are_tried_and_stay_as_they_are"),
    ),
    (r#"curl "$API/datasets/orders/rejects?format=parquet""#, SQL),
    (r#"curl -o rejects.parquet "$URL""#, SQL),
    (
        r#"duckdb -csv -c "SELECT field, error, rule, count(*) AS records, min(raw) AS example FROM 'rejects.parquet' GROUP BY ALL ORDER BY records DESC, field, error""#,
        SQL,
    ),
    (
        "curl $API/datasets/flights/files",
        Test("functions/api/tests/api/files.rs", "the_files_are_those_of_a_commit"),
    ),
];

/// A command and the lines that the page shows below it.
struct Step<'p> {
    line: usize,
    command: &'p str,
    shown: Vec<&'p str>,
}

/// The commands of a block.
fn steps<'p>(page: &Page, lines: &'p [(usize, String)]) -> Vec<Step<'p>> {
    let mut steps: Vec<Step<'p>> = Vec::new();
    for (line, text) in lines {
        match (text.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { line: *line, command, shown: Vec::new() }),
            (None, Some(step)) => step.shown.push(text),
            (None, None) => panic!("{}:{line}: a block begins with a command", page.name),
        }
    }
    steps
}

/// Where the commands of a page run: an empty directory with the test data in it, and the commands
/// on the path.
struct Place {
    folder: tempfile::TempDir,
    programs: tempfile::TempDir,
    path: OsString,
}

impl Place {
    fn new() -> Self {
        let [folder, programs] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        symlink(checkout::root().join("testdata"), folder.path().join("testdata")).unwrap();
        symlink(landfall().get_program(), programs.path().join("landfall")).unwrap();
        let (script, duckdb) = (programs.path().join("duckdb.py"), programs.path().join("duckdb"));
        std::fs::write(&script, DUCKDB).unwrap();
        let python = Python::of_local_cloud().unwrap();
        let call = format!(
            "#!/bin/sh\nexec '{}' -P '{}' \"$@\"\n",
            python.path().display(),
            script.display()
        );
        std::fs::write(&duckdb, call).unwrap();
        std::fs::set_permissions(&duckdb, std::fs::Permissions::from_mode(0o755)).unwrap();
        let rest = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(
            [programs.path().to_owned()].into_iter().chain(std::env::split_paths(&rest)),
        )
        .unwrap();
        Self { folder, programs, path }
    }

    /// Runs a command after one that ended with `last`; the answer is how it ended and what it
    /// said, to whomever.
    fn run(&self, command: &str, last: i32) -> (i32, String) {
        let script = format!("exec 2>&1; (exit {last}); {command}");
        let mut bash = Command::new("bash");
        bash.args(["-c", &script])
            .current_dir(self.folder.path())
            .env("PATH", &self.path)
            .env_remove("LANDFALL_MASK_SALT");
        let output = bash.output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    fn write(&self, name: &str, lines: &[(usize, String)]) {
        let text: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }
}

/// Runs the commands of a page; the answer is what differs.
fn differences(page: &Page) -> Vec<String> {
    let place = Place::new();
    assert!(place.programs.path().exists(), "it is kept as long as commands run");
    let (mut faults, mut last) = (Vec::new(), (0, 0));
    for block in &page.blocks {
        match &block.kind {
            Kind::File(name) => place.write(name, &block.lines),
            Kind::Run => {
                for Step { line, command, shown } in steps(page, &block.lines) {
                    if last.1 != 0 && command != "echo $?" {
                        faults.push(format!(
                            "{}:{}: ends with {}, and no `$ echo $?` follows",
                            page.name, last.0, last.1
                        ));
                    }
                    let (exit, said) = place.run(command, last.1);
                    let answer: Vec<_> = said.lines().map(str::trim_end).collect();
                    if !matches(&shown, &answer) {
                        faults.push(format!("{}:{line}: $ {command}\n{said}", page.name));
                    }
                    last = (line, exit);
                }
            }
            Kind::Elsewhere(_) | Kind::Shown => {}
        }
    }
    if last.1 != 0 {
        faults.push(format!(
            "{}:{}: ends with {}, and no `$ echo $?` follows",
            page.name, last.0, last.1
        ));
    }
    faults
}

/// Whether an answer is what a page shows.
fn matches(shown: &[&str], answer: &[&str]) -> bool {
    match (shown, answer) {
        ([], []) => true,
        ([first, rest @ ..], _) if first.trim() == ANYTHING => {
            matches(rest, answer)
                || answer.split_first().is_some_and(|(_, answer)| matches(shown, answer))
        }
        ([first, shown @ ..], [line, answer @ ..]) => {
            matches_line(first, line) && matches(shown, answer)
        }
        _ => false,
    }
}

fn matches_line(shown: &str, line: &str) -> bool {
    let Some((start, shown)) = shown.split_once(ANYTHING) else { return shown == line };
    let mut parts: Vec<_> = shown.split(ANYTHING).collect();
    let end = parts.pop().unwrap_or_default();
    let rest = parts.into_iter().try_fold(line.strip_prefix(start), |rest, part| {
        Some(rest?.split_once(part).map(|(_, rest)| rest))
    });
    rest.flatten().is_some_and(|rest| rest.ends_with(end))
}

#[test]
fn commands_print_what_the_pages_show() {
    let pages = page::all();
    let faults: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = pages.iter().map(|page| scope.spawn(|| differences(page))).collect();
        running.into_iter().flat_map(|page| page.join().unwrap()).collect()
    });
    assert!(
        faults.is_empty(),
        "what a page shows is not what is printed:\n\n{}",
        faults.join("\n")
    );
    let run =
        pages.iter().flat_map(|page| &page.blocks).filter(|block| block.kind == Kind::Run).count();
    assert!(run > 20, "{run} blocks were run");
}

#[test]
fn commands_that_are_not_run_are_listed() {
    let pages = page::all();
    let mut printed = BTreeSet::new();
    for page in &pages {
        for block in page.blocks.iter().filter(|block| matches!(block.kind, Kind::Elsewhere(_))) {
            let commands = steps(page, &block.lines)
                .into_iter()
                .map(|step| step.command.split(" #").next().unwrap().trim());
            printed.extend(commands.map(str::to_owned));
        }
    }
    let listed: BTreeSet<_> = ELSEWHERE.iter().map(|(command, _)| (*command).to_owned()).collect();
    assert_eq!(printed, listed);
    for (command, elsewhere) in &ELSEWHERE {
        match elsewhere {
            Test(file, name) => {
                let code = std::fs::read_to_string(checkout::root().join(file)).unwrap();
                assert!(
                    code.contains(&format!("fn {name}(")),
                    "{command}: there is no test `{name}` in {file}"
                );
                println!("not run here: {command}: {name} in {file}");
            }
            Untested(reason) => println!("not run here: {command}: {reason}"),
        }
    }
}

/// A contract that a page shows as a file is one that a command checks or lands with.
#[test]
fn files_of_the_pages_are_used() {
    for page in page::all() {
        let lines = |wanted: fn(&Kind) -> bool| {
            page.blocks
                .iter()
                .filter(move |block| wanted(&block.kind))
                .flat_map(|block| &block.lines)
        };
        let commands = lines(|kind| *kind == Kind::Run)
            .map(|(_, line)| line)
            .filter(|line| line.starts_with("$ "));
        let contracts = lines(|kind| matches!(kind, Kind::File(_))).map(|(_, line)| line);
        let words: Vec<_> =
            commands.chain(contracts).flat_map(|line| line.split_whitespace()).collect();
        let files = page
            .blocks
            .iter()
            .filter_map(|block| if let Kind::File(name) = &block.kind { Some(name) } else { None });
        for name in files {
            let is_used = words.iter().any(|word| match word.split_once('*') {
                Some((start, end)) => name.starts_with(start) && name.ends_with(end),
                None => word == name,
            });
            assert!(is_used, "{}: no command uses `{name}`", page.name);
        }
    }
}

#[test]
fn anything_stands_for_any_text() {
    for (shown, line, expected) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a…", "ab", true),
        ("…c", "abc", true),
        ("a…c", "abc", true),
        ("a…b…d", "aXbYd", true),
        ("a…b…d", "aXYd", false),
        ("ab…b", "ab", false),
        ("", "", true),
    ] {
        assert_eq!(matches_line(shown, line), expected, "{shown} {line}");
    }
    for (shown, answer, expected) in [
        (&["…"][..], &[][..], true),
        (&["…"], &["a", "b"], true),
        (&["a", "…", "d"], &["a", "b", "c", "d"], true),
        (&["a", "…", "d"], &["a", "b", "c"], false),
        (&[], &["a"], false),
        (&["a"], &[], false),
    ] {
        assert_eq!(matches(shown, answer), expected, "{shown:?} {answer:?}");
    }
}
