//! Runs `cargo xtask lint`: every check that does not run the project.

mod scanners;

use std::process::Command;
use std::time::Instant;

use xtask::{Python, Result, asl, checkout};

/// A check: it says what is wrong.
type Check = fn() -> Result<()>;

/// What the `cfn-lint` command does: its package can't be run by name.
const CFN_LINT: &str = "import sys; from cfnlint.runner import main; sys.exit(main())";

/// Runs all checks and fails when one does, after the others have run.
pub(crate) fn lint() -> Result<()> {
    let checks: [(&str, Check); 9] = [
        ("rustfmt", || cargo(&["fmt", "--all", "--check"])),
        ("clippy", || {
            cargo(&[
                "clippy",
                "--quiet",
                "--workspace",
                "--all-targets",
                "--",
                "--deny",
                "warnings",
            ])
        }),
        ("rustdoc", rustdoc),
        ("state machine", state_machine),
        ("cfn-lint", || {
            python(
                Python::of_local_cloud()?,
                &[
                    "-c",
                    CFN_LINT,
                    "--append-rules",
                    "cfn_lint_serverless.rules",
                    "--template",
                    "template.yaml",
                ],
            )
        }),
        ("sam validate", || {
            python(Python::of_sam()?, &["-m", "samcli", "validate", "--template", "template.yaml"])
        }),
        ("sam validate --lint", || {
            python(
                Python::of_sam()?,
                &["-m", "samcli", "validate", "--lint", "--template", "template.yaml"],
            )
        }),
        ("checkov", scanners::checkov),
        ("cargo-deny", scanners::cargo_deny),
    ];
    let mut failed = Vec::new();
    for (name, check) in checks {
        let start = Instant::now();
        match check() {
            Ok(()) => println!("{name}: ok ({:.1} s)", start.elapsed().as_secs_f64()),
            Err(error) => {
                println!("{name}: {error}");
                failed.push(name);
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

fn cargo(arguments: &[&str]) -> Result<()> {
    checkout::run(checkout::cargo().args(arguments), "cargo")
}

fn rustdoc() -> Result<()> {
    let mut cargo = checkout::cargo();
    cargo
        .args(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "--deny warnings --allow rustdoc::private_intra_doc_links");
    checkout::run(&mut cargo, "cargo doc")
}

fn state_machine() -> Result<()> {
    let path = checkout::root().join("statemachine/landing.asl.json");
    let definition =
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let faults = asl::faults(&definition);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{}:\n  {}", path.display(), faults.join("\n  ")))
    }
}

fn python(python: Python, arguments: &[&str]) -> Result<()> {
    quietly(python.command().args(arguments)).map(drop)
}

/// Runs a tool in the checkout; what it says is shown only when it fails. It asks no server about
/// what it checks.
fn quietly(command: &mut Command) -> Result<Vec<u8>> {
    command
        .current_dir(checkout::root())
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_DEFAULT_REGION", "us-east-1");
    let answer = command.output().map_err(|error| error.to_string())?;
    match answer.status.success() {
        true => Ok(answer.stdout),
        false => Err(format!(
            "{}{}",
            String::from_utf8_lossy(&answer.stdout),
            String::from_utf8_lossy(&answer.stderr)
        )),
    }
}
