//! Reads what a zip archive holds, and finds the file that is meant.

use std::ops::Range;

use contract::Member;
use contract::rejects::{ErrorEntry, ErrorName};
use job::{Error, ErrorKind};
use wording::count;
use wording::cut;

use super::ENDS_EARLY;
use super::zip::{CENTRAL_HEADER, END, IN_EXTRA, MAX_DIRECTORY_BYTES};

/// Bytes of a central header without the name, the extra fields and the comment.
const CENTRAL_HEADER_BYTES: usize = 46;
/// Bytes of the end record without the comment.
const END_BYTES: usize = 22;
/// The end records with 64 bits: one of 56 bytes and more, and one of 20 that points to it.
const LONG_END: &[u8] = b"PK\x06\x06";
const LONG_END_BYTES: usize = 56;
const LONG_LOCATOR_BYTES: usize = 20;
/// Most bytes after the directory: the end records, with the longest comment.
pub const TAIL_BYTES: u64 = (LONG_END_BYTES + LONG_LOCATOR_BYTES + END_BYTES) as u64 + 0xFFFF;
/// What systems put beside files.
const SYSTEM_FILES: [&str; 3] = [".DS_Store", "Thumbs.db", "desktop.ini"];
/// The folder in which macOS keeps what other systems have no room for, and the start of such a
/// file's name.
const SYSTEM_FOLDER: &str = "__MACOSX/";
const SYSTEM_START: &str = "._";

/// The files of a zip archive, as its directory tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Archive(Vec<Packed>);

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) name: String,
    pub(super) crc: u32,
    pub(super) packed: u64,
    /// Bytes, unpacked.
    pub(super) bytes: u64,
    /// Where its header begins.
    pub(super) at: u64,
}

/// Whether a file is one of those that may be read.
pub(super) fn is_wanted(name: &str, member: Option<&Member>) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    let is_for_people = !file.is_empty()
        && !SYSTEM_FILES.contains(&file)
        && !file.starts_with(SYSTEM_START)
        && !name.starts_with(SYSTEM_FOLDER);
    is_for_people && member.is_none_or(|member| member.matches(name))
}

impl Archive {
    /// Where the directory of an archive of `size` bytes lies, by its last bytes: all, or
    /// [`TAIL_BYTES`]. `None`: it is not to be found; whoever reads the archive finds out why.
    pub fn locate(tail: &[u8], size: u64) -> Option<Range<u64>> {
        let is_end = |at: &usize| {
            let end = &tail[*at..];
            end.starts_with(END)
                && end.len() >= END_BYTES
                && end.len() == END_BYTES + usize::from(u16_at(end, 20))
        };
        let at = (0..tail.len().saturating_sub(END_BYTES - 1)).rev().find(is_end)?;
        let [bytes, from] = [12, 16].map(|field| u64::from(u32_at(&tail[at..], field)));
        let long = at
            .checked_sub(LONG_LOCATOR_BYTES + LONG_END_BYTES)
            .map(|at| &tail[at..])
            .filter(|long| long.starts_with(LONG_END));
        let (bytes, from) = match long {
            Some(long) if bytes == IN_EXTRA || from == IN_EXTRA => {
                (u64_at(long, 40), u64_at(long, 48))
            }
            _ => (bytes, from),
        };
        let end = from.checked_add(bytes)?;
        (end <= size && bytes <= MAX_DIRECTORY_BYTES as u64).then_some(from..end)
    }

    /// Reads a directory; `None`: it is none.
    pub fn read(directory: &[u8]) -> Option<Self> {
        Directory::read(directory)
            .ok()
            .filter(|directory| directory.rest.is_empty())
            .map(|directory| directory.archive)
    }

    /// Whether there is one file to be read. The error names no file: their names are data.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SourceCorrupt`].
    pub fn check(&self, name: &str, member: Option<&Member>) -> Result<(), Error> {
        let refused = |what| Error::new(ErrorKind::SourceCorrupt, format!("{name} {what}"));
        self.only(member).map(drop).map_err(refused)
    }

    /// The names of the files for people.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files().map(|file| file.name.as_str())
    }

    /// What a job's errors say of each of these.
    pub fn entries(&self) -> Vec<ErrorEntry> {
        let entry = |file: &Packed| ErrorEntry {
            source: None,
            line: 1,
            lines: None,
            record: 0,
            byte: file.at,
            field: None,
            column: None,
            error: ErrorName::Member,
            rule: None,
            value: Some(cut(&file.name)),
            holder: None,
            message: format!(
                "the archive holds `{}`, {} bytes",
                cut(&file.name).escape_debug(),
                count(file.bytes)
            ),
        };
        self.files().map(entry).collect()
    }

    fn files(&self) -> impl Iterator<Item = &Packed> {
        self.0.iter().filter(|file| is_wanted(&file.name, None))
    }

    /// The file that is to be read, or why there is none.
    pub(super) fn only(&self, member: Option<&Member>) -> Result<&Packed, String> {
        let mut wanted = self.0.iter().filter(|file| is_wanted(&file.name, member));
        let first = wanted.next();
        let (files, further) = (self.files().count(), wanted.count());
        match (first, member) {
            (Some(first), _) if further == 0 => Ok(first),
            (Some(_), None) => Err(format!(
                "holds {files} files: unpack it, or say which one is meant with the contract's `member`, such as `member: \"*.csv\"`"
            )),
            (Some(_), Some(member)) => Err(format!(
                "holds {} files whose names match `{member}`: `member` is to match one",
                further + 1
            )),
            (None, Some(member)) if files > 0 => {
                Err(format!("holds no file whose name matches `{member}`, of {files}"))
            }
            (None, _) if self.0.is_empty() => Err("holds no file".to_owned()),
            (None, _) => {
                Err("holds no file, only folders and what systems put beside files".to_owned())
            }
        }
    }
}

/// A directory, and what comes after it.
pub(super) struct Directory<'a> {
    pub(super) archive: Archive,
    rest: &'a [u8],
}

impl<'a> Directory<'a> {
    pub(super) fn read(mut bytes: &'a [u8]) -> Result<Self, String> {
        let mut files = Vec::new();
        while bytes.starts_with(CENTRAL_HEADER) {
            let (file, rest) = Self::entry(bytes).ok_or_else(|| ENDS_EARLY.to_owned())?;
            files.push(file);
            bytes = rest;
        }
        Ok(Self { archive: Archive(files), rest: bytes })
    }

    fn entry(bytes: &'a [u8]) -> Option<(Packed, &'a [u8])> {
        let entry = bytes.get(..CENTRAL_HEADER_BYTES)?;
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(entry, at)));
        let extra_at = CENTRAL_HEADER_BYTES + name;
        let (name, extra) =
            (bytes.get(CENTRAL_HEADER_BYTES..extra_at)?, bytes.get(extra_at..extra_at + extra)?);
        let rest = bytes.get(extra_at + extra.len() + comment..)?;
        let [packed, unpacked, at] = [20, 24, 42].map(|at| u64::from(u32_at(entry, at)));
        // Those that have no room above stand there in this order.
        let mut long = long_lengths(extra, 3).into_iter();
        let mut value =
            |short: u64| if short == IN_EXTRA { long.next().unwrap_or(short) } else { short };
        let bytes = value(unpacked);
        let (packed, at) = (value(packed), value(at));
        let name = String::from_utf8_lossy(name).into_owned();
        Some((Packed { name, crc: u32_at(entry, 16), packed, bytes, at }, rest))
    }

    /// Whether the archive ends after the directory, and does not go on.
    pub(super) fn check_end(&self) -> Result<(), String> {
        let ends_early = || ENDS_EARLY.to_owned();
        // Before the end record there may be two of its kind with 64 bits.
        let end = match self.rest.strip_prefix(LONG_END) {
            None => self.rest,
            Some(long) => {
                let length = long
                    .get(..8)
                    .and_then(|bytes| usize::try_from(u64_at(bytes, 0)).ok())
                    .ok_or_else(ends_early)?;
                self.rest
                    .get(length.saturating_add(12 + LONG_LOCATOR_BYTES)..)
                    .ok_or_else(ends_early)?
            }
        };
        if end.len() < END_BYTES || !end.starts_with(END) {
            return Err(ends_early());
        }
        match end.len().cmp(&(END_BYTES + usize::from(u16_at(end, 20)))) {
            std::cmp::Ordering::Less => Err(ends_early()),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err("goes on after its end".to_owned()),
        }
    }
}

/// The first `count` numbers of the extra field in which lengths have 64 bits.
pub(super) fn long_lengths(mut extra: &[u8], count: usize) -> Vec<u64> {
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(data) = extra.get(4..4 + length) else { break };
        if id == 1 {
            return data.chunks_exact(8).take(count).map(|bytes| u64_at(bytes, 0)).collect();
        }
        extra = &extra[4 + length..];
    }
    Vec::new()
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Member::parse(pattern).is_ok_and(|member| member.matches(name))
    }

    #[test]
    fn a_pattern_stands_for_the_whole_name() {
        for (pattern, name) in [
            ("*.csv", "a.csv"),
            ("*.csv", "data/2026/a.csv"),
            ("*", ""),
            ("a?c", "aéc"),
            ("*a*b*", "xxaxxaxbxx"),
            ("data/*-[1].csv", "data/x-[1].csv"),
            ("**a", "bca"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.csv", "a.CSV"),
            ("a", "ab"),
            ("a", "ba"),
            ("a?", "a"),
            ("*a*b", "ba"),
            ("?", ""),
            ("a.csv", "data/a.csv"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert!(Member::parse("").is_err());
    }

    #[test]
    fn a_contract_names_a_member_of_what_may_be_an_archive() {
        let faults = |more: &str| {
            let contract = contract::Contract::parse(&format!(
                "name: t\nschema: {{ fields: [{{ name: a }}] }}\n{more}\n"
            ));
            contract.map_or_else(
                |faults| faults.iter().map(ToString::to_string).collect(),
                |_| Vec::new(),
            )
        };
        for accepted in ["member: '*.csv'", "compression: zip\nmember: data/a.csv"] {
            assert_eq!(faults(accepted), [""; 0], "{accepted}");
        }
        let refused = "member: is not allowed with `compression: gzip`; allowed: with `zip`, or without `compression`";
        assert_eq!(faults("compression: gzip\nmember: a.csv"), [refused]);
        assert!(
            faults("member: ''")[0]
                .starts_with("member: is empty; allowed: the name of a file in a zip archive")
        );
    }

    #[test]
    fn what_systems_put_beside_files_is_not_for_people() {
        for name in [
            "data/",
            ".DS_Store",
            "a/.DS_Store",
            "__MACOSX/._a.csv",
            "__MACOSX/a/b",
            "a/._b.csv",
            "Thumbs.db",
            "x/desktop.ini",
            "",
        ] {
            assert!(!is_wanted(name, None), "{name}");
            assert!(!is_wanted(name, Member::parse("*").ok().as_ref()), "{name}");
        }
        for name in ["a.csv", "data/a.csv", ".hidden.csv", "DS_Store.csv", "my/__MACOSX/a.csv"] {
            assert!(is_wanted(name, None), "{name}");
        }
    }
}
