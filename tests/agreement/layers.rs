//! Who may depend on whom.

use std::collections::BTreeSet;

use xtask::checkout;

/// The crates that a value passes through on its way from bytes to a table. None knows a later one.
const FLOW: [&str; 9] = [
    "wording",
    "job",
    "csv-records",
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
            "sqlparser",
            "zstd",
            "encoding_rs",
            "csv-records",
            "row-sql",
            "contract",
            "landing",
        ];
        forbid(package, &heavy);
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
        "aws-config",
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
