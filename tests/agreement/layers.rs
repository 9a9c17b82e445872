//! Checks which crate depends on which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use xtask::checkout;

/// The crates that a value passes through on its way from bytes to a table. None knows a later one.
const FLOW: [&str; 11] = [
    "wording",
    "job",
    "csv-records",
    "zones",
    "rows",
    "row-sql",
    "parquet-pages",
    "contract",
    "landing",
    "inference",
    "delta-log",
];

/// The packages that a package is built of, its own tests aside.
fn dependencies(package: &str) -> BTreeSet<String> {
    let mut cargo = checkout::cargo();
    cargo.args([
        "tree",
        "--offline",
        "--package",
        package,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let answer = cargo.output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| Some(line.split(' ').next()?.to_owned()))
        .collect()
}

fn forbid(package: &str, prefixes: &[&str]) {
    let found: Vec<_> = dependencies(package)
        .into_iter()
        .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    assert!(found.is_empty(), "{package} must not depend on {found:?}");
}

/// Whatever is needed for a job's name or for an error is at hand without the core.
#[test]
fn what_reads_no_data_links_nothing_that_does() {
    for package in ["live", "admit"] {
        let heavy = [
            "arrow",
            "parquet",
            "zstd",
            "encoding_rs",
            "csv-records",
            "row-sql",
            "contract",
            "landing",
            "regex-automata",
        ];
        forbid(package, &heavy);
    }
}

/// What knows profiles and sign-ons makes functions larger and slower to start, for nothing.
#[test]
fn functions_take_what_lambda_gives_them_from_the_environment() {
    for package in xtask::functions::NAMES {
        forbid(package, &["aws-config", "aws-sdk-sts", "aws-sdk-sso", "matchers"]);
    }
}

#[test]
fn crates_know_what_is_below_them_and_nothing_else() {
    let above = |from: usize| &FLOW[from..];
    for (index, package) in FLOW.iter().enumerate() {
        forbid(package, above(index + 1));
    }
    forbid("csv-records", &["arrow", "parquet", "job", "tokio"]);
    forbid("row-sql", &["parquet", "job", "csv-records", "tokio"]);
    forbid("parquet-pages", &["job", "csv-records", "row-sql", "tokio"]);
}

#[test]
fn the_core_knows_neither_network_nor_runtime() {
    forbid(
        "landing",
        &[
            "tokio", "aws", "hyper", "reqwest", "ureq", "axum", "tower", "lambda", "objects",
            "registry", "steps",
        ],
    );
}

#[test]
fn the_steps_and_the_cli_know_no_aws() {
    for package in ["tables", "catalog", "steps", "landfall-cli"] {
        forbid(package, &["aws", "lambda", "hyper", "deployment", "executions"]);
    }
}

#[test]
fn the_flow_engine_knows_neither_aws_nor_jobs() {
    forbid(
        "flow",
        &["aws", "lambda", "hyper", "arrow", "parquet", "landing", "objects", "registry", "steps"],
    );
}

/// The rooms of a crate, its folders and files at the root, and which of the others each names.
fn rooms(crate_folder: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let source = crate_folder.join("src");
    let stem = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    let names = |path: &Path| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let is_room = |name: &str| !["lib", "main", "tests"].contains(&name);
    let all: BTreeSet<String> =
        names(&source).map(|path| stem(&path)).filter(|name| is_room(name)).collect();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut left: Vec<_> = names(&source).map(|path| (stem(&path), path)).collect();
    while let Some((room, path)) = left.pop() {
        if path.is_dir() {
            left.extend(names(&path).map(|inner| (room.clone(), inner)));
            continue;
        }
        let is_root = path.parent() == Some(&source);
        if !is_room(&room) || stem(&path) == "tests" || path.extension().is_none_or(|e| e != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = super::sources::code(&text);
        for prefix in ["crate::", "super::"].into_iter().take(1 + usize::from(is_root)) {
            let named = code.match_indices(prefix).flat_map(|(at, _)| {
                let rest = &code[at + prefix.len()..];
                let group = rest.strip_prefix('{').and_then(|rest| rest.split(';').next());
                let words =
                    group.unwrap_or(rest).split(',').take(if group.is_some() { 64 } else { 1 });
                words.map(|word| {
                    let word = word.trim();
                    let end = word.find(|c: char| c != '_' && !c.is_ascii_alphanumeric());
                    word[..end.unwrap_or(word.len())].to_owned()
                })
            });
            let others = named.filter(|name| *name != room && all.contains(name));
            found.entry(room.clone()).or_default().extend(others);
        }
    }
    found
}

/// Whether a way leads from a room over others back to itself.
fn leads_back(rooms: &BTreeMap<String, BTreeSet<String>>, from: &str) -> bool {
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut left = vec![from];
    while let Some(room) = left.pop() {
        for next in rooms.get(room).into_iter().flatten() {
            if next == from {
                return true;
            }
            if seen.insert(next) {
                left.push(next);
            }
        }
    }
    false
}

#[test]
fn no_folder_of_a_crate_is_in_a_circle() {
    let mut found = Vec::new();
    for area in ["crates", "functions"] {
        for entry in std::fs::read_dir(checkout::root().join(area)).unwrap() {
            let folder = entry.unwrap().path();
            let rooms = rooms(&folder);
            let is_folder = |room: &&String| folder.join("src").join(room).is_dir();
            let circles = rooms.keys().filter(is_folder).filter(|room| leads_back(&rooms, room));
            found.extend(circles.map(|room| format!("{}/src/{room}", folder.display())));
        }
    }
    assert!(found.is_empty(), "folders in circles: {found:?}");
    let landing = rooms(&checkout::root().join("crates/landing"));
    assert!(landing["shard"].contains("columns"), "the check finds what is there: {landing:?}");
    let circle = [("a", "b"), ("b", "c"), ("c", "a")];
    let circle = circle.map(|(from, to)| (from.to_owned(), BTreeSet::from([to.to_owned()])));
    assert!(leads_back(&circle.into_iter().collect(), "a"));
}

#[test]
fn the_check_finds_what_is_there() {
    assert!(dependencies("deployment").contains("aws-sdk-s3"));
}

#[test]
fn what_is_large_is_built_once() {
    let lock = super::sources::text("Cargo.lock");
    for package in [
        "arrow-array",
        "arrow-schema",
        "parquet",
        "aws-smithy-runtime",
        "aws-types",
        "hyper",
        "tokio",
        "lambda_runtime",
    ] {
        assert_eq!(
            lock.matches(&format!("name = \"{package}\"\n")).count(),
            1,
            "versions of {package}"
        );
    }
}
