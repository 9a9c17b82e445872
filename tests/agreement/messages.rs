//! Checks that messages that leave hold no data: the code that could put some there is not written
//! down.

use super::sources::{self, rust};

/// Where causes and logs are made.
const FOLDERS: [&str; 2] = ["crates", "functions"];
/// The start of an error whose text becomes a job's cause.
const ERRORS: [&str; 3] = [
    "Error::new(",
    // Of crates that have errors of their own.
    " Error(",
    "Error::TooMuchText(",
];
const LOGS: [&str; 5] = ["trace!(", "debug!(", "info!(", "warn!(", "error!("];
/// Files whose errors of other libraries quote nothing, and why.
const QUOTE_NOTHING: [(&str, &str); 6] = [
    (
        "crates/landing/src/files/writers.rs",
        "an error of parquet-pages, which is looked at here too",
    ),
    ("crates/parquet-pages/src/codec.rs", "compressors tell of lengths"),
    ("crates/inference/src/sample.rs", "an error of ours is passed on"),
    ("crates/lambda-step/src/lib.rs", "a message between the states holds no values"),
    ("crates/landfall-cli/src/run/running.rs", "an error of the file system about a file of locks"),
    ("crates/steps/src/verify.rs", "an error of the tiling, which tells positions"),
];

/// Every Rust file below the folders, but for tests.
fn files() -> Vec<String> {
    let found: Vec<String> = FOLDERS.into_iter().flat_map(sources::files).collect();
    assert!(found.len() > 200, "{} files", found.len());
    found
}

/// What stands between the parenthesis that `start` ends with and the one that closes it.
fn calls<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(start).map(move |(at, _)| {
        let rest = &text[at + start.len()..];
        let mut depth = 1;
        let end = rest.find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth == 0
        });
        &rest[..end.unwrap_or(rest.len())]
    })
}

/// The text of another library's error may quote what it read: `Unquoted` says what may be told of
/// it.
#[test]
fn no_cause_holds_the_text_of_a_librarys_error() {
    let mut found = Vec::new();
    for file in
        files().iter().filter(|file| !QUOTE_NOTHING.iter().any(|(exempt, _)| file == exempt))
    {
        let text = rust(file);
        for call in ERRORS.iter().flat_map(|start| calls(&text, start)) {
            if call.contains("{error}")
                || call.contains("{error:")
                || call.contains("error.to_string()")
            {
                found.push(format!("{file}: {call}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A key of the lake holds the values of its partition: `objects::shown` takes them out.
#[test]
fn no_log_holds_a_key_as_it_is() {
    let mut found = Vec::new();
    for file in files() {
        let text = rust(&file);
        for call in LOGS.iter().flat_map(|start| calls(&text, start)) {
            if call.contains("key") && !call.contains("shown(") {
                found.push(format!("{file}: {call}"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_check_finds_what_is_there() {
    let text = "a(Error::new(kind, format!(\"{} is {error}\", b(c)))); d(e)";
    assert_eq!(
        calls(text, "Error::new(").collect::<Vec<_>>(),
        ["kind, format!(\"{} is {error}\", b(c))"]
    );
}
