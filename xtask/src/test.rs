//! Runs `cargo xtask test`: all tests, those on the local cloud included.

use xtask::functions::Together;
use xtask::local::Pieces;
use xtask::{Result, checkout};

/// Makes the local cloud's pieces once for all tests, and runs these. The runner's count comes
/// last.
pub(crate) fn test(arguments: &[String]) -> Result<()> {
    // Without a package, Cargo would look for tests in its default members alone.
    let is_package = |argument: &String| argument == "-p" || argument.starts_with("--package");
    let is_all = !arguments.iter().any(is_package);
    let pieces = Pieces::make(if is_all { Together::WithTests } else { Together::Alone })?;
    let has_nextest = checkout::cargo()
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|answer| answer.status.success());
    let mut run = checkout::cargo();
    match has_nextest {
        true => run.args(["nextest", "run", "--no-fail-fast"]),
        false => run.args(["test", "--no-fail-fast"]),
    };
    if arguments.is_empty() && has_nextest {
        checkout::run(
            checkout::cargo().args(["test", "--workspace", "--doc", "--quiet"]),
            "the examples in the documentation",
        )?;
    }
    if is_all {
        run.arg("--workspace");
    }
    pieces.tell(run.args(arguments));
    checkout::run(&mut run, "a test")
}
