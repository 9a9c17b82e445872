//! Reads what a Linux binary asks of the machine that is to run it.

use object::Endianness;
use object::elf::{FileHeader64, SHT_DYNSYM};
use object::read::elf::FileHeader;

/// What a binary is for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Elf {
    /// The processor, as ELF numbers them.
    pub(super) machine: u16,
    /// The newest version of the C library that it asks for; none of a static one.
    pub(super) newest_glibc: Option<Wanted>,
}

/// A version of the C library, and what asks for it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted {
    pub(super) version: (u32, u32),
    /// A symbol of this version, or the version's own name where it stands for no symbol.
    pub(super) example: String,
}

/// Reads a binary of 64 bits.
pub(super) fn read(bytes: &[u8]) -> object::Result<Elf> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let mut newest: Option<Wanted> = None;
    let mut want = |name: &[u8], example: &[u8]| {
        if let Some(version) = glibc(name) {
            let wanted = Wanted { version, example: String::from_utf8_lossy(example).into_owned() };
            if newest.as_ref().is_none_or(|newest| newest.version < version) {
                newest = Some(wanted);
            }
        }
    };
    if let Some(versions) = sections.versions(endian, bytes)? {
        let symbols = sections.symbols(endian, bytes, SHT_DYNSYM)?;
        for (index, symbol) in symbols.enumerate() {
            if let Some(version) = versions.version(versions.version_index(endian, index).into())? {
                want(version.name(), symbols.symbol_name(endian, symbol)?);
            }
        }
    }
    // Some versions stand for no symbol, but for a way to link.
    if let Some((mut files, link)) = sections.gnu_verneed(endian, bytes)? {
        let strings = sections.strings(endian, bytes, link)?;
        while let Some((_, mut versions)) = files.next()? {
            while let Some(version) = versions.next()? {
                let name = version.name(endian, strings)?;
                want(name, name);
            }
        }
    }
    Ok(Elf { machine: header.e_machine(endian).0, newest_glibc: newest })
}

/// `(2, 34)` of `GLIBC_2.34`.
fn glibc(name: &[u8]) -> Option<(u32, u32)> {
    match std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")? {
        // Packed relocations, which loaders know since then.
        "ABI_DT_RELR" => Some((2, 36)),
        numbers => {
            let mut numbers = numbers.split('.').map_while(|number| number.parse().ok());
            Some((numbers.next()?, numbers.next()?))
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;

    /// An ELF file without any section, for a processor.
    pub(in super::super) fn header(machine: u16) -> Vec<u8> {
        let mut header = vec![0; 64];
        header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        header[18..20].copy_from_slice(&machine.to_le_bytes());
        header[20] = 1; // The version of the format.
        header[52] = 64; // The size of this header.
        header
    }

    /// This test's own binary, as if the newest version that it asks for were 2.`minor`.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    pub(in super::super) fn this_with_glibc(minor: &[u8; 2]) -> Vec<u8> {
        let mut bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let newest = read(&bytes).unwrap().newest_glibc.unwrap().version;
        let (old, new) =
            (format!("\0GLIBC_2.{}\0", newest.1), [b"\0GLIBC_2.", &minor[..], b"\0"].concat());
        assert_eq!(old.len(), new.len());
        let places =
            bytes.windows(old.len()).enumerate().filter(|(_, found)| *found == old.as_bytes());
        for at in places.map(|(at, _)| at).collect::<Vec<_>>() {
            bytes[at..at + new.len()].copy_from_slice(&new);
        }
        bytes
    }

    #[test]
    fn a_static_binary_asks_for_no_library() {
        assert_eq!(read(&header(183)).unwrap(), Elf { machine: 183, newest_glibc: None });
        assert!(read(b"MZ").is_err());
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn the_newest_version_is_found_with_a_symbol_that_has_it() {
        let wanted = read(&this_with_glibc(b"87")).unwrap().newest_glibc.unwrap();
        assert_eq!(wanted.version, (2, 87));
        assert!(!wanted.example.is_empty() && !wanted.example.starts_with("GLIBC"), "{wanted:?}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        let cases: [(&[u8], _); 6] = [
            (b"GLIBC_2.34", Some((2, 34))),
            (b"GLIBC_2.2.5", Some((2, 2))),
            (b"GLIBC_2.4", Some((2, 4))),
            (b"GLIBC_ABI_DT_RELR", Some((2, 36))),
            (b"GLIBC_PRIVATE", None),
            (b"GCC_3.3", None),
        ];
        for (name, expected) in cases {
            assert_eq!(glibc(name), expected, "{}", String::from_utf8_lossy(name));
        }
    }
}
