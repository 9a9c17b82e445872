//! Compiles regular expressions within a bound on their size: of each, and of all those of a
//! contract.
//!
//! A few letters may stand for very much: `(a{300}){300}` is a pattern of 90,000 states. A contract
//! is read by every step of every job, so this is found where a pattern is compiled.

use std::cell::Cell;
use std::rc::Rc;

use regex::{Regex, RegexBuilder};
use regex_automata::nfa::thompson;

/// Most bytes that a pattern of a contract may compile to: a hundred letters of any script, or
/// thousands of ASCII ones. It is in memory a few times while it is searched with.
pub const PATTERN_BYTES: usize = 2 << 20;

/// Most bytes that all patterns of a contract may compile to: every step of a job reads it.
pub const PATTERNS_BYTES: usize = 16 << 20;

/// The memory that is left for the patterns of a contract. Clones share it.
#[derive(Debug, Clone)]
pub struct Patterns {
    left: Rc<Cell<usize>>,
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// It is no regular expression: what the parser says, in lines.
    NoPattern(String),
    /// It compiles to too much.
    TooLarge(String),
}

impl Default for Patterns {
    fn default() -> Self {
        Self { left: Rc::new(Cell::new(PATTERNS_BYTES)) }
    }
}

impl Patterns {
    /// Compiles a pattern, which is to match somewhere in a text.
    pub fn compile(&self, pattern: &str) -> Result<Regex, Refused> {
        self.take(pattern)?;
        build(pattern)
    }

    /// Compiles a pattern, which is to match the whole of a text.
    pub fn compile_whole(&self, pattern: &str) -> Result<Regex, Refused> {
        // By itself first: what is none must not become one by what is put around it.
        self.take(pattern)?;
        build(&format!(r"\A(?:{pattern})\z"))
    }

    /// Takes what a pattern needs from what is left.
    fn take(&self, pattern: &str) -> Result<(), Refused> {
        let config = thompson::Config::new().nfa_size_limit(Some(PATTERN_BYTES));
        let bytes = match thompson::Compiler::new().configure(config).build(pattern) {
            Ok(states) => states.memory_usage(),
            Err(error) if error.size_limit().is_some() => return Err(too_large()),
            Err(error) => return Err(no_pattern(pattern, &error)),
        };
        let left = self.left.get().checked_sub(bytes).ok_or_else(|| {
            Refused::TooLarge(format!(
                "all patterns of a contract may take {} MiB together, and with this one they take more",
                PATTERNS_BYTES >> 20
            ))
        })?;
        self.left.set(left);
        Ok(())
    }
}

impl Refused {
    /// In a line, for what is called `name`.
    pub fn describe(&self, name: &str) -> String {
        match self {
            Self::NoPattern(said) => {
                let last = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
                format!("{name} is not a regular expression: {last}")
            }
            Self::TooLarge(why) => format!("{name} is too large a regular expression: {why}"),
        }
    }
}

fn build(pattern: &str) -> Result<Regex, Refused> {
    // Twice the bound: on top of what was measured it has anchors around it and groups to capture.
    let built = RegexBuilder::new(pattern)
        .size_limit(2 * PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => too_large(),
        error => Refused::NoPattern(error.to_string()),
    })
}

fn too_large() -> Refused {
    Refused::TooLarge(format!(
        "it compiles to more than {} MiB; `minLength` and `maxLength` count more cheaply",
        PATTERN_BYTES >> 20
    ))
}

/// The crate's own message, for users who know its words.
fn no_pattern(pattern: &str, error: &thompson::BuildError) -> Refused {
    let said = Regex::new(pattern).map_or_else(|error| error.to_string(), |_| error.to_string());
    Refused::NoPattern(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_has_room() {
        let patterns = Patterns::default();
        for pattern in [
            r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}",
            r"[^@\s]+@[^@\s]+\.[^@\s]+",
            r"[\p{L}\p{M}' .-]{1,40}",
            r"\w{1,64}",
            r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}",
            r".{0,2000}",
            r"[a-zA-Z0-9_-]{1,4000}",
        ] {
            let before = patterns.left.get();
            let compiled = patterns.compile_whole(pattern);
            println!("{pattern}: {} bytes", before - patterns.left.get());
            compiled.unwrap_or_else(|error| panic!("{pattern}: {error:?}"));
        }
    }

    #[test]
    fn a_few_letters_do_not_stand_for_very_much() {
        for pattern in ["(a{300}){300}", r"\w{5000}", "((a{100}){100}){100}", &"x".repeat(1 << 20)]
        {
            let refused = Patterns::default().compile(pattern).expect_err("it is too large");
            assert!(matches!(refused, Refused::TooLarge(_)), "{refused:?}");
        }
        assert!(
            matches!(Patterns::default().compile("(a"), Err(Refused::NoPattern(said)) if said.contains("unclosed group"))
        );
        assert!(matches!(Patterns::default().compile_whole("a)(b"), Err(Refused::NoPattern(_))));
    }

    #[test]
    fn many_patterns_are_bounded_together() {
        let patterns = Patterns::default();
        let compiled =
            (0..1_000).take_while(|_| patterns.clone().compile("(a{100}){100}").is_ok()).count();
        assert!((8..200).contains(&compiled), "{compiled}");
        assert!(patterns.compile("a").is_ok(), "a small one has room");
    }
}
