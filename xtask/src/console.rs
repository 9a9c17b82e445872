//! Runs `cargo xtask console`: tests the console, its modules by themselves and its pages in a
//! browser, on a local cloud.

use std::process::Command;

use xtask::functions::Together;
use xtask::local::{LocalCloud, Options, Pieces};
use xtask::{Result, checkout};

/// What the tests need besides what everything needs, with what says that it is there.
const TOOLS: [(&str, &str); 2] = [
    ("node", "Node.js 20 or newer is needed: `apt-get install nodejs npm` has it on Debian"),
    ("npm", "npm is needed: `apt-get install npm` has it on Debian"),
];

/// Installs what the tests use, runs those of the modules, and then those in the browser.
pub(crate) fn console() -> Result<()> {
    for (tool, wanted) in TOOLS {
        let answer = Command::new(tool).arg("--version").output();
        if !answer.is_ok_and(|answer| answer.status.success()) {
            return Err(wanted.into());
        }
    }
    let tests = checkout::root().join("console/tests");
    let npm = |arguments: &[&str]| {
        let mut npm = Command::new("npm");
        npm.current_dir(&tests).args(arguments);
        npm
    };
    checkout::run(
        &mut npm(&["ci", "--no-audit", "--no-fund", "--silent"]),
        "installing what the console's tests use",
    )?;
    checkout::run(&mut npm(&["run", "lint", "--silent"]), "the form of the console's files")?;
    checkout::run(&mut npm(&["test", "--silent"]), "a test of the console's modules")?;

    let pieces = Pieces::make(Together::Alone)?;
    let options = Options { auth: true, ..Options::default() };
    let cloud = LocalCloud::start_with(&pieces, &options)?;
    let mut browser = npm(&["run", "browser", "--silent"]);
    browser.env("LANDFALL_CONSOLE", cloud.console()?);
    checkout::run(&mut browser, "a test of the console in a browser")
}
