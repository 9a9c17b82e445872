//! Checks that the lists of the reference are complete.

use xtask::checkout;

use crate::end_to_end::landfall;

fn text(path: &str) -> String {
    std::fs::read_to_string(checkout::root().join(path)).unwrap()
}

/// Fails unless a page of the reference names all of these as code.
fn names_all(page: &str, wanted: impl IntoIterator<Item = String>) {
    let page_text = text(&format!("docs/reference/{page}"));
    let (mut count, mut lost) = (0, Vec::new());
    for name in wanted {
        count += 1;
        if !page_text.contains(&format!("`{name}`")) {
            lost.push(name);
        }
    }
    assert!(count > 0 && lost.is_empty(), "docs/reference/{page} does not name {lost:?}");
}

/// The texts between two others.
fn between<'t>(text: &'t str, start: &'t str, end: &'t str) -> impl Iterator<Item = String> + 't {
    text.split(start)
        .skip(1)
        .filter_map(move |rest| rest.split_once(end))
        .map(|(found, _)| found.to_owned())
}

/// The description of the API, which its own tests hold against the code.
fn openapi() -> serde_json::Value {
    serde_json::from_str(&text("docs/reference/openapi.json")).unwrap()
}

#[test]
fn failures_and_faults_are_listed() {
    names_all("errors.md", job::ErrorKind::ALL.map(|(_, name)| name.to_owned()));
    let rejects = text("crates/contract/src/rejects.rs");
    names_all("errors.md", between(&rejects, "#[serde(rename = \"", "\")]"));
}

/// The table of failures says what the code does.
#[test]
fn what_to_do_is_told_for_every_failure() {
    let page = text("docs/reference/errors.md");
    for name in job::advised() {
        let advice = job::advice(name).unwrap();
        let is_told = |line: &str| {
            line.starts_with('|')
                && line.contains(&format!("`{name}`"))
                && line.ends_with(&format!(" | {advice} |"))
        };
        assert!(
            page.lines().any(is_told),
            "docs/reference/errors.md does not say what to do about `{name}`: {advice}"
        );
    }
}

#[test]
fn problems_are_listed() {
    let problem = &openapi()["components"]["schemas"]["Problem"]["properties"];
    let kinds = problem["type"]["enum"].as_array().unwrap();
    names_all(
        "errors.md",
        kinds.iter().map(|kind| kind.as_str().unwrap().rsplit(':').next().unwrap().to_owned()),
    );
    names_all("errors.md", problem.as_object().unwrap().keys().cloned());
}

#[test]
fn routes_are_listed() {
    let api = text("docs/reference/api.md");
    let openapi = openapi();
    let routes = openapi["paths"].as_object().unwrap();
    assert!(routes.len() > 10, "{routes:?}");
    for route in routes.keys() {
        let is_named = api.lines().filter(|line| line.starts_with('|')).any(|line| {
            line.contains(&format!(" {route}`")) || line.contains(&format!(" {route}?"))
        });
        assert!(is_named, "docs/reference/api.md does not name {route}");
    }
}

/// Each threat of OWASP's list has tests, which are there.
#[test]
fn threats_have_their_tests() {
    let page = text("docs/explanation/api-security.md");
    let is_threat = |line: &&str| line.starts_with('|') && line.contains(". ");
    let rows: Vec<_> = page.lines().filter(is_threat).collect();
    assert_eq!(rows.len(), 10, "{rows:?}");
    let folders = ["functions", "crates", "tests"];
    let files = folders.into_iter().flat_map(|folder| checkout::files(folder, "rs"));
    let sources: String = files.map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for row in rows {
        let tests = row.rsplit('|').nth(1).unwrap();
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            assert!(sources.contains(&format!("fn {name}()")), "there is no test `{name}`");
        }
    }
}

#[test]
fn parameters_are_listed() {
    let template = text("template.yaml");
    let parameters =
        template.split("\nParameters:\n").nth(1).unwrap().split("\nConditions:\n").next().unwrap();
    let names = parameters
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
        .filter(|name| !name.starts_with(' '));
    names_all("parameters.md", names.map(str::to_owned));
}

#[test]
fn commands_and_options_are_listed() {
    let help = |arguments: &[&str]| {
        String::from_utf8(landfall().args(arguments).output().unwrap().stdout).unwrap()
    };
    let cli = text("docs/reference/cli.md");
    let top = help(&["--help"]);
    let commands = top
        .split("Commands:\n")
        .nth(1)
        .unwrap()
        .lines()
        .map_while(|line| line.strip_prefix("  ")?.split_whitespace().next());
    for command in commands.filter(|command| *command != "help") {
        assert!(
            cli.contains(&format!("| `landfall {command}")),
            "docs/reference/cli.md does not name `landfall {command}`"
        );
    }
    let run = help(&["run", "--help"]);
    let options = run
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| word.starts_with("--"));
    for option in options {
        assert!(
            cli.contains(&format!("| `{option}")),
            "docs/reference/cli.md does not name `{option}` of `landfall run`"
        );
    }
}

/// A contract with a word in each place that is none, so that its faults list those that are.
const UNKNOWN: &str = "
name: t
x: 1
schema: { x: 1, fields: [{ name: a, x: 1, constraints: { x: 1 } }], fieldsMatch: x }
dialect: { x: 1, lineTerminator: x, blankRows: x, repeatedHeader: x, raggedRows: { x: 1 } }
transform: { x: 1, mask: [{ field: a, with: x }], join: [{ x: 1, how: x, unmatched: x }] }
output: { x: 1, format: x, table: x, mode: x }
";

#[test]
fn words_of_a_contract_are_listed() {
    let pages = text("docs/reference/contract.md") + &text("docs/reference/dialect.md");
    let code: Vec<&str> = pages.split('`').skip(1).step_by(2).collect();
    let words: Vec<&str> = code
        .iter()
        .flat_map(|code| code.split(|c: char| !(c.is_alphanumeric() || "_-$".contains(c))))
        .collect();
    let faults = contract::Contract::parse(UNKNOWN).unwrap_err();
    let mut count = 0;
    for fault in &faults {
        let Some((_, allowed)) = fault.message.split_once("; allowed: ") else { continue };
        count += 1;
        for word in allowed
            .split(", ")
            .filter(|word| word.chars().all(|c| c.is_alphanumeric() || "_-$".contains(c)))
        {
            assert!(
                words.contains(&word),
                "docs/reference/contract.md and dialect.md do not name `{word}` ({fault})"
            );
        }
    }
    assert!(count > 12, "{faults:?}");
}
