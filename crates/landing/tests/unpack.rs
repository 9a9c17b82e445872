//! Checks packed sources: whole, cut off at every byte, damaged at every byte, and followed by
//! something else.
#![expect(clippy::unwrap_used)]

mod packing;

use std::io::Write;

use contract::Compression;
use contract::Member;
use job::{Error, ErrorKind};
use landing::unpack::{Archive, Unpack, sniff};
use proptest::prelude::*;

use packing::{bzip2, gzip, zip};

fn zstd(text: &[u8]) -> Vec<u8> {
    let mut out = zstd::Encoder::new(Vec::new(), 3).unwrap();
    out.include_checksum(true).unwrap();
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

const TEXT: &[u8] = b"id,name\n1,a\n2,b\n3,cccccccccccccccccccccccccccc\n";

/// The same text in every format.
fn packed() -> Vec<(Compression, &'static str, Vec<u8>)> {
    vec![
        (Compression::Gzip, "gzip", gzip(TEXT)),
        (Compression::Gzip, "gzip of two members", [gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat()),
        (Compression::Zstd, "zstd", zstd(TEXT)),
        (Compression::Zstd, "zstd of two frames", [zstd(&TEXT[..9]), zstd(&TEXT[9..])].concat()),
        (
            Compression::Zstd,
            "zstd after a skippable frame",
            [b"\x50\x2A\x4D\x18\x02\0\0\0ab", &zstd(TEXT)[..]].concat(),
        ),
        (Compression::Bzip2, "bzip2", bzip2(TEXT)),
        (
            Compression::Bzip2,
            "bzip2 of two streams",
            [bzip2(&TEXT[..9]), bzip2(&TEXT[9..])].concat(),
        ),
        (Compression::Zip, "zip", zip(&[("t.csv", TEXT)], false, false)),
        (Compression::Zip, "zip with a descriptor", zip(&[("t.csv", TEXT)], true, false)),
        (Compression::Zip, "zip that only stores", zip(&[("t.csv", TEXT)], false, true)),
        (
            Compression::Zip,
            "zip as a Mac makes it",
            zip(&[("d/t.csv", TEXT), ("__MACOSX/d/._t.csv", b"\0\x05")], true, false),
        ),
    ]
}

fn unpack(compression: Compression, packed: &[u8], block: usize) -> Result<Vec<u8>, Error> {
    let mut unpack = Unpack::new(compression, "t", 1 << 20);
    let mut text = Vec::new();
    for block in packed.chunks(block) {
        unpack.feed(block, |piece| {
            text.extend_from_slice(piece);
            Ok(())
        })?;
    }
    unpack.finish()?;
    assert_eq!(unpack.unpacked(), text.len() as u64);
    Ok(text)
}

#[test]
fn blocks_of_any_length_give_the_text() {
    for (compression, name, bytes) in packed() {
        assert_eq!(sniff(&bytes), compression, "{name}");
        for block in 1..=bytes.len() {
            assert_eq!(
                unpack(compression, &bytes, block).unwrap(),
                TEXT,
                "{name} in blocks of {block}"
            );
        }
    }
}

#[test]
fn what_is_cut_off_is_corrupt() {
    for (compression, name, bytes) in packed() {
        for cut in 0..bytes.len() {
            let outcome = unpack(compression, &bytes[..cut], 1000);
            match outcome {
                Err(Error { kind: ErrorKind::SourceCorrupt, .. }) => {}
                // A cut between two members leaves a whole file behind: nothing in the format tells
                // that there was more.
                Ok(text) if name.contains("two") => assert_eq!(text, &TEXT[..9], "{name}"),
                Ok(text) if name.contains("skippable") => {
                    assert_eq!((cut, text), (10, vec![]), "{name}")
                }
                other => panic!("{name} cut at {cut}: {other:?}"),
            }
        }
    }
}

#[test]
fn what_goes_on_is_corrupt() {
    for (compression, name, bytes) in packed() {
        for tail in [&b"\0"[..], b"\n", b"id,name\n", b"\x1f", b"B", b"\x28"] {
            let outcome = unpack(compression, &[&bytes, tail].concat(), 1000);
            assert!(
                matches!(outcome, Err(Error { kind: ErrorKind::SourceCorrupt, .. })),
                "{name} and {tail:?}: {outcome:?}"
            );
        }
    }
}

/// Every format has a checksum, so a flipped bit either is found or lies where no text does.
#[test]
fn what_is_damaged_is_never_another_text() {
    for (compression, name, bytes) in packed() {
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                match unpack(compression, &damaged, 1000) {
                    Err(Error { kind: ErrorKind::SourceCorrupt, .. }) => {}
                    Ok(text) => assert_eq!(text, TEXT, "{name}, bit {bit} of byte {at}"),
                    Err(other) => panic!("{name}, bit {bit} of byte {at}: {other}"),
                }
            }
        }
    }
}

#[test]
fn archives_of_anything_but_one_file_are_refused() {
    let says = |archive: Vec<u8>| unpack(Compression::Zip, &archive, 1000).unwrap_err().to_string();
    for streamed in [false, true] {
        assert!(
            says(zip(&[("a.csv", TEXT), ("b.csv", TEXT)], streamed, false))
                .contains("holds several files")
        );
        assert!(
            says(zip(&[("[Content_Types].xml", TEXT)], streamed, false))
                .contains("Office document")
        );
        assert!(
            says(zip(&[("folder/", b""), (".DS_Store", TEXT)], streamed, false))
                .contains("holds no file, only folders")
        );
    }
    assert!(says(zip(&[], false, false)).contains("holds no file"));
}

/// Files of an archive that are not read, whatever they hold.
const BESIDE: [(&str, &[u8]); 4] = [
    ("data/", b""),
    (".DS_Store", b"PK\x03\x04 and more"),
    ("__MACOSX/._t.csv", b"\0\x05"),
    ("x/Thumbs.db", &[7; 50]),
];

#[test]
fn one_file_for_people_is_read() {
    for at in 0..=BESIDE.len() {
        let mut files = BESIDE.to_vec();
        files.insert(at, ("data/t.csv", TEXT));
        // To store a file without telling its length is no way to be read from front to back.
        for (streamed, stored) in [(false, false), (true, false), (false, true)] {
            let archive = zip(&files, streamed, stored);
            let blocks: &[usize] = if at == 1 { &[1, 2, 3, 7, 30, 1000] } else { &[1000] };
            for block in blocks.iter().copied() {
                assert_eq!(
                    unpack(Compression::Zip, &archive, block).unwrap(),
                    TEXT,
                    "at {at}, streamed {streamed}, blocks of {block}"
                );
            }
            let found = directory(&archive);
            assert_eq!(
                (found.names().collect::<Vec<_>>(), found.check("z", None)),
                (vec!["data/t.csv"], Ok(()))
            );
            for cut in (0..archive.len()).filter(|_| at == 1) {
                let outcome = unpack(Compression::Zip, &archive[..cut], 1000);
                assert!(
                    matches!(outcome, Err(Error { kind: ErrorKind::SourceCorrupt, .. })),
                    "cut at {cut}: {outcome:?}"
                );
            }
        }
    }
}

/// The directory, as who may look into the archive finds it.
fn directory(archive: &[u8]) -> Archive {
    let size = archive.len() as u64;
    let tail = &archive[archive.len().saturating_sub(landing::unpack::TAIL_BYTES as usize)..];
    let range = Archive::locate(tail, size).unwrap();
    Archive::read(&archive[range.start as usize..range.end as usize]).unwrap()
}

#[test]
fn a_member_is_the_file_that_matches() {
    let files: [(&str, &[u8]); 3] =
        [("README.txt", b"notes"), ("jan/t.csv", TEXT), ("feb/t.tsv", b"x\ty\n")];
    for streamed in [false, true] {
        let archive = zip(&files, streamed, false);
        for (pattern, expected) in [
            ("*.csv", Some(TEXT)),
            ("*/t.tsv", Some(&b"x\ty\n"[..])),
            ("*.t?t", Some(b"notes")),
            ("*.?s?", None),
            ("t", None),
        ] {
            let member = Member::parse(pattern).unwrap();
            let mut unpack = Unpack::of(Compression::Zip, Some(&member), "z", 1 << 20);
            let mut text = Vec::new();
            let read = unpack.feed(&archive, |piece| {
                text.extend_from_slice(piece);
                Ok(())
            });
            let outcome = read.and_then(|()| unpack.finish());
            assert_eq!(outcome.is_ok(), expected.is_some(), "{pattern}: {outcome:?}");
            assert_eq!(
                directory(&archive).check("z", Some(&member)).is_ok(),
                expected.is_some(),
                "{pattern}"
            );
            if let Some(expected) = expected {
                assert_eq!(text, expected, "{pattern}");
            }
        }
    }
}

/// What is passed over comes out of its compression without a limit, and without room for it.
#[test]
fn what_is_passed_over_takes_no_room() {
    let zeros = vec![0; 64 << 20];
    for streamed in [false, true] {
        let archive = zip(&[("__MACOSX/z", &zeros), ("t.csv", TEXT)], streamed, false);
        assert_eq!(unpack(Compression::Zip, &archive, 1 << 16).unwrap(), TEXT);
    }
}

#[test]
fn a_bomb_is_stopped_at_its_limit() {
    let zeros = vec![0; 8 << 20];
    let all = [
        (Compression::Gzip, gzip(&zeros)),
        (Compression::Zstd, zstd(&zeros)),
        (Compression::Bzip2, bzip2(&zeros)),
    ];
    for (compression, bytes) in
        all.into_iter().chain([(Compression::Zip, zip(&[("z", &zeros)], false, false))])
    {
        let mut unpack = Unpack::new(compression, "bomb", 1 << 20);
        let mut most = 0;
        let outcome = unpack.feed(&bytes, |piece| {
            most = most.max(piece.len());
            Ok(())
        });
        assert!(
            matches!(outcome, Err(Error { kind: ErrorKind::LimitExceeded, .. })),
            "{compression:?}: {outcome:?}"
        );
        assert!(most <= 4 << 20);
    }
    assert_eq!(landing::limits::unpacked_bytes(10), 100 << 20);
    assert_eq!(landing::limits::unpacked_bytes(1 << 20), 1000 << 20);
    assert_eq!(landing::limits::unpacked_bytes(u64::MAX), 1 << 40);
}

#[test]
fn magic_numbers_are_not_seen_where_there_are_none() {
    for text in ["", "P", "PK", "B", "BZ", "BZh", "BZh1,a\n", "(", "a,b\n", "PK,name\n"] {
        assert_eq!(sniff(text.as_bytes()), Compression::None, "{text}");
    }
    // The beginning of a file that was cut off inside its magic number.
    assert_eq!(sniff(b"\x1f"), Compression::Gzip);
    assert_eq!(sniff(b"\x28\xb5"), Compression::Zstd);
    assert_eq!(sniff(b"PK\x03"), Compression::Zip);
    assert_eq!(sniff(b"BZh91AY"), Compression::Bzip2);
}

proptest! {
    #[test]
    fn any_text_comes_back(text in prop::collection::vec(any::<u8>(), 0..5000), block in 1..600_usize, splits in 0..5000_usize) {
        let cut = splits.min(text.len());
        prop_assert_eq!(&unpack(Compression::Gzip, &[gzip(&text[..cut]), gzip(&text[cut..])].concat(), block).unwrap(), &text);
        prop_assert_eq!(&unpack(Compression::Zstd, &[zstd(&text[..cut]), zstd(&text[cut..])].concat(), block).unwrap(), &text);
        prop_assert_eq!(&unpack(Compression::Bzip2, &[bzip2(&text[..cut]), bzip2(&text[cut..])].concat(), block).unwrap(), &text);
        prop_assert_eq!(&unpack(Compression::Zip, &zip(&[("t", &text)], cut % 2 == 0, false), block).unwrap(), &text);
    }

    /// No bytes make it panic or go on for ever.
    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..200), magic in 0..4_usize, block in 1..50_usize) {
        let (compression, magic): (_, &[u8]) = [
            (Compression::Gzip, &b"\x1f\x8b\x08\0"[..]),
            (Compression::Zstd, b"\x28\xb5\x2f\xfd"),
            (Compression::Bzip2, b"BZh91AY&SY"),
            (Compression::Zip, b"PK\x03\x04\x14\0\0\0\x08\0"),
        ][magic];
        let _ = unpack(compression, &[magic, &bytes].concat(), block);
    }
}
