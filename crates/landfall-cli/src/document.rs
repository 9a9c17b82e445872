//! Reads contracts from files, and tells them from anything else.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use contract::{Contract, Fault};
use job::limits::CONTRACT_BYTES;

use crate::complain;
use crate::exit::Exit;
use crate::path;

/// Most characters that are shown of the first line of a file that is not a contract.
const SHOWN_CHARS: usize = 60;

/// A document, and the contract that it is, or its faults.
pub(crate) struct Document {
    pub(crate) text: String,
    pub(crate) contract: Result<Contract, Vec<Fault>>,
}

impl Document {
    /// Reads a contract; `-` is standard input. Says why it can't be read.
    pub(crate) fn read(path: &Path) -> Result<Self, Exit> {
        let wrong = |message: &dyn std::fmt::Display| {
            complain(message);
            Exit::WrongUse
        };
        path::check_file(path).map_err(|message| wrong(&message))?;
        let read = match path::is_stdin(path) {
            true => bounded(io::stdin().lock()),
            false => File::open(path).and_then(bounded),
        };
        let bytes = read.map_err(|error| wrong(&format_args!("{}: {error}", path.display())))?;
        Ok(Self::of(bytes))
    }

    fn of(bytes: Vec<u8>) -> Self {
        let none = |text: String, because: &str| {
            let message = format!(
                "this does not look like a contract, which is YAML or JSON with `name` and `schema`: {because}; \
                 `landfall new FILE` proposes one for a file"
            );
            Self {
                text,
                contract: Err(vec![Fault { path: String::new(), line: 1, column: 1, message }]),
            }
        };
        if bytes.len() > CONTRACT_BYTES {
            return none(String::new(), "it has more than the 4 MiB of the largest contract");
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => return none(String::new(), "it is not text in UTF-8"),
        };
        let faults = match Contract::parse(&text) {
            Ok(contract) => return Self { text, contract: Ok(contract) },
            Err(faults) => faults,
        };
        if !has_key(&text, "schema") && !has_key(&text, "name") {
            let because = match text.lines().find(|line| !line.trim().is_empty()) {
                None => "it is empty".to_owned(),
                Some(line) => format!("it begins with `{}`", shown(line.trim())),
            };
            return none(text, &because);
        }
        Self { text, contract: Err(faults) }
    }
}

/// The bytes of a document, at most one more than it may have.
fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(CONTRACT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a text has a key of this name, as YAML or JSON write one.
fn has_key(text: &str, key: &str) -> bool {
    text.match_indices(key).any(|(at, _)| {
        let rest = &text[at + key.len()..];
        rest.strip_prefix(['"', '\'']).unwrap_or(rest).trim_start().starts_with(':')
    })
}

fn shown(line: &str) -> String {
    let line: String = line
        .chars()
        .flat_map(char::escape_debug)
        .collect::<String>()
        .replace("\\\"", "\"")
        .replace("\\'", "'");
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(bytes: impl AsRef<[u8]>) -> Vec<String> {
        let document = Document::of(bytes.as_ref().to_vec());
        document
            .contract
            .map_or_else(|faults| faults.iter().map(ToString::to_string).collect(), |_| Vec::new())
    }

    #[test]
    fn what_is_no_contract_is_told_so() {
        for (bytes, because) in [
            (&b"id,name\n1,\"x\"\n"[..], "it begins with `id,name`"),
            (b"\"id\",\"name\"\n1,2\n", "it begins with `\"id\",\"name\"`"),
            (b"", "it is empty"),
            (b"\x1f\x8b\x08\0", "it is not text in UTF-8"),
            (&vec![b'1'; CONTRACT_BYTES + 1], "it has more than the 4 MiB"),
        ] {
            let faults = faults(bytes);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(
                faults[0].starts_with("this does not look like a contract")
                    && faults[0].contains(because),
                "{faults:?}"
            );
        }
    }

    #[test]
    fn faults_of_a_contract_are_its_own() {
        assert_eq!(faults("name: t\nschema: { fields: [{ name: a }] }\n"), [""; 0]);
        for text in ["name: t\n", "{\"schema\" : {}}", "name: [\nschema: x"] {
            let faults = faults(text);
            assert!(
                !faults.is_empty()
                    && faults.iter().all(|fault| !fault.contains("does not look like")),
                "{faults:?}"
            );
            assert!(faults.iter().all(|fault| !fault.contains("<input>")), "{faults:?}");
        }
    }
}
