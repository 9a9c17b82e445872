//! Checks that one thing has one word: no text says what the glossary says not to say.

use std::path::PathBuf;

use xtask::checkout;

/// Where people read, and where they write.
const PLACES: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs",
    "crates",
    "functions",
];
const GLOSSARY: &str = "docs/reference/glossary.md";

/// The phrases in the second column of the table of what not to say.
fn phrases(glossary: &str) -> Vec<&str> {
    let (_, table) = glossary.split_once("| say | not |").unwrap();
    let cells = table.lines().filter_map(|line| line.trim_matches('|').split('|').nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// The name of every text there, with its words.
fn texts() -> Vec<(String, String)> {
    let files =
        |place: &&str| [checkout::files(place, "rs"), checkout::files(place, "md")].concat();
    let words = |path: PathBuf| {
        // Phrases may be broken by a line's end, and by the marks of a comment.
        let text = std::fs::read_to_string(&path).unwrap();
        let words = text.split_whitespace().filter(|word| !["//", "///", "//!"].contains(word));
        (checkout::name(&path), words.collect::<Vec<_>>().join(" ").to_lowercase())
    };
    PLACES.iter().flat_map(files).map(words).collect()
}

#[test]
fn what_the_glossary_does_not_say_is_not_said() {
    let glossary = std::fs::read_to_string(checkout::root().join(GLOSSARY)).unwrap();
    let phrases = phrases(&glossary);
    assert!(phrases.len() > 5, "{phrases:?}");
    let all = texts();
    assert!(all.len() > 300, "{} texts", all.len());
    let said = |(path, text): &(String, String)| {
        let is_said = |phrase: &&&str| path != GLOSSARY && text.contains(**phrase);
        let found: Vec<_> = phrases.iter().filter(is_said).collect();
        (!found.is_empty()).then(|| format!("{path}: {found:?}"))
    };
    let found: Vec<_> = all.iter().filter_map(said).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_check_finds_what_is_there() {
    assert_eq!(phrases("| say | not |\n|---|---|\n| a | `b c`, `d` |\n"), ["b c", "d"]);
}
