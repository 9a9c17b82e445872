//! Checks encodings against their own definition: a table written in one is read as the table in
//! UTF-8 is, at the bytes where it stands.
#![expect(clippy::unwrap_used)]

use contract::rejects::ErrorEntry;
use csv_records::dialect::{Dialect, Token};
use csv_records::encoding::Encoding;
use csv_records::{Limits, Rows, ShardReader, preamble, tile};
use landing::batch::Batch;
use landing::batch::Cells;
use proptest::prelude::*;

/// Records as their values, and faults, with lines and records from 0.
#[derive(Debug, PartialEq, Default)]
struct Reading {
    records: Vec<(u64, Vec<String>)>,
    faults: Vec<ErrorEntry>,
}

fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding.label().as_str() {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        label => {
            let (bytes, _, lost) =
                encoding_rs::Encoding::for_label(label.as_bytes()).unwrap().encode(text);
            assert!(!lost, "{text:?} in {label}");
            bytes.into_owned()
        }
    }
}

/// Reads a source in shards of so many units, the way the steps do.
fn read(source: &[u8], encoding: Encoding, shard_units: usize, block: usize) -> Reading {
    read_in(&Dialect { encoding, header: false, ..Dialect::default() }, source, shard_units, block)
}

fn read_in(dialect: &Dialect, source: &[u8], shard_units: usize, block: usize) -> Reading {
    let encoding = dialect.encoding;
    let data_start =
        preamble(dialect, Limits::default(), source, true).unwrap().unwrap().data_start;
    let shard_bytes = (shard_units.saturating_mul(encoding.unit_bytes())) as u64;
    let (_, mut shards) = landing::plan::shards(source.len() as u64, data_start, shard_bytes);
    let mut tiles = Vec::new();
    let mut readings = Vec::new();
    for shard in &shards {
        let (tile, reading) = read_shard(source, dialect, shard, block);
        tiles.push(tile);
        readings.push(reading);
    }
    for (index, first) in tile(&tiles, data_start, source.len() as u64).unwrap().wrong {
        shards[index].first = Some(first);
        (tiles[index], readings[index]) = read_shard(source, dialect, &shards[index], block);
    }
    let tiling = tile(&tiles, data_start, source.len() as u64).unwrap();
    assert!(tiling.wrong.is_empty());
    // Faults are told batch by batch, and what a batch is depends on the split.
    let mut whole = Reading::default();
    for (reading, base) in readings.into_iter().zip(tiling.bases) {
        whole.records.extend(reading.records);
        whole.faults.extend(reading.faults.into_iter().map(|mut fault| {
            fault.rebase(base.lines, base.records);
            fault
        }));
    }
    whole.faults.sort_by_key(|fault| (fault.record, fault.column));
    whole
}

fn read_shard(
    source: &[u8],
    dialect: &Dialect,
    shard: &job::message::Shard,
    block: usize,
) -> (csv_records::Tile, Reading) {
    let mut reader =
        ShardReader::new(dialect, shard.from..shard.to, shard.first, 2, Limits::default());
    let mut rows = Rows::default();
    let mut reading = Reading::default();
    let mut scratch = Vec::new();
    while let Some(at) = reader.wants() {
        let end = (at as usize + block).min(source.len());
        reader.push(&source[at as usize..end], end == source.len());
        while let Some(batch) = reader.next(3, &mut rows).unwrap() {
            let batch = Batch::new(batch, &rows, dialect);
            let cells: Cells<'_> = batch.cells();
            let findings = batch.faults(2, &cells);
            reading.faults.extend(findings.iter().map(|finding| batch.entry(finding, None)));
            for (index, row) in batch.records.iter().enumerate() {
                let value = |field: &csv_records::Field| {
                    String::from_utf8_lossy(field.value(&cells.window, dialect, &mut scratch))
                        .into_owned()
                };
                let values = cells.fields_of(row).iter().map(value).collect();
                let verbatim =
                    &batch.source[batch.source_range(row.start as usize..row.end as usize)];
                assert_eq!(verbatim, &source[batch.byte(row.start) as usize..][..verbatim.len()]);
                assert_eq!(cells.is_utf8, cells.malformed.is_empty());
                if !findings.iter().any(|finding| finding.row as usize == index) {
                    reading.records.push((batch.byte(row.start), values));
                }
            }
        }
    }
    (reader.finish(), reading)
}

/// Encodings, and letters that each has.
const ENCODINGS: [(&str, &str); 12] = [
    ("utf-8", "[aé😀\"\",,\n\r]"),
    ("utf-16le", "[aé😀\u{220a}\u{2c2c}\u{0d0a}\"\",,\n\r]"),
    ("utf-16be", "[aé😀\u{220a}\u{2c2c}\u{0d0a}\"\",,\n\r]"),
    ("windows-1252", "[aé€\"\",,\n\r]"),
    ("windows-1251", "[aЖю\"\",,\n\r]"),
    ("iso-8859-2", "[ažŁ\"\",,\n\r]"),
    ("shift_jis", "[aソ表ー\"\",,\n\r]"),
    ("gb18030", "[a乗丂é😀\"\",,\n\r]"),
    ("gbk", "[a乗丂\"\",,\n\r]"),
    ("big5", "[a功許\"\",,\n\r]"),
    ("euc-kr", "[a가똠\"\",,\n\r]"),
    ("euc-jp", "[aソ表\"\",,\n\r]"),
];

fn texts() -> impl Strategy<Value = (Encoding, String)> {
    prop::sample::select(ENCODINGS.to_vec()).prop_flat_map(|(label, letters)| {
        let encoding = Encoding::parse(label).unwrap();
        (
            Just(encoding),
            proptest::string::string_regex(&format!("({letters}|a,\"[aa,]{{0,5}}\"\n){{0,60}}"))
                .unwrap(),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// Positions are of the source, so they are compared by way of the encoding: the same prefix of
    /// the text must lie before them.
    #[test]
    fn every_encoding_reads_like_utf_8((encoding, text) in texts(), shard_units in 1..30_usize, block in 1..40_usize) {
        let expected = read(text.as_bytes(), Encoding::UTF_8, usize::MAX, usize::MAX / 2);
        let source = encode(&text, encoding);
        let place = |byte: u64| encode(&text[..byte as usize], encoding).len() as u64;
        let expected = Reading {
            records: expected.records.into_iter().map(|(byte, values)| (place(byte), values)).collect(),
            faults: expected.faults.into_iter().map(|fault| ErrorEntry { byte: place(fault.byte), ..fault }).collect(),
        };
        prop_assert_eq!(&read(&source, encoding, usize::MAX, usize::MAX / 2), &expected);
        prop_assert_eq!(&read(&source, encoding, shard_units, block), &expected);
    }

    /// Tokens that are not ASCII, in the encodings that have them, whether they are one byte there
    /// or several.
    #[test]
    fn tokens_beyond_ascii_read_like_in_utf_8(
        label in prop::sample::select(vec!["utf-16le", "utf-16be", "windows-1252", "iso-8859-15"]),
        text in "([aé§§¶«,\n\r]|a¶§[aa¶]{0,5}§\n){0,60}",
        shard_units in 1..30_usize,
        block in 1..40_usize,
    ) {
        let token = |text: &str| Token::parse(text).unwrap();
        let dialect = Dialect {
            delimiter: token("¶"),
            quote_char: Some(token("§")),
            comment_char: Some(token("«")),
            header: false,
            ..Dialect::default()
        };
        let expected = read_in(&dialect, text.as_bytes(), usize::MAX, usize::MAX / 2);
        let encoding = Encoding::parse(label).unwrap();
        let source = encode(&text, encoding);
        let place = |byte: u64| encode(&text[..byte as usize], encoding).len() as u64;
        let expected = Reading {
            records: expected.records.into_iter().map(|(byte, values)| (place(byte), values)).collect(),
            faults: expected.faults.into_iter().map(|fault| ErrorEntry { byte: place(fault.byte), ..fault }).collect(),
        };
        let dialect = Dialect { encoding, ..dialect };
        prop_assert_eq!(dialect.check(), Ok(()));
        prop_assert_eq!(&read_in(&dialect, &source, usize::MAX, usize::MAX / 2), &expected);
        prop_assert_eq!(&read_in(&dialect, &source, shard_units, block), &expected);
    }

    /// Whatever the bytes are, a split tells of the same faults at the same bytes, and what is
    /// malformed is never a value.
    #[test]
    fn damage_is_found_wherever_the_cuts_are(
        (label, bytes) in (
            prop::sample::select(ENCODINGS.map(|(label, _)| label).to_vec()),
            prop::collection::vec(prop_oneof![4 => prop::sample::select(b"a,\"\n\0\x81\xD8\xDC\x40\x30".to_vec()), 1 => any::<u8>()], 0..80),
        ),
        shard_units in 1..20_usize, block in 1..20_usize,
    ) {
        let encoding = Encoding::parse(label).unwrap();
        let whole = read(&bytes, encoding, usize::MAX, usize::MAX / 2);
        prop_assert_eq!(&read(&bytes, encoding, shard_units, block), &whole);
        let holds_replacement = |(_, values): &(u64, Vec<String>)| values.iter().any(|value| value.contains('\u{FFFD}'));
        let was_written = encoding.byte_order().is_some() || label == "gb18030" || label == "utf-8";
        prop_assert!(was_written || !whole.records.iter().any(holds_replacement));
        // The oracle: the encoding's own decoder over the whole text.
        let oracle = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
        let skipped = if bytes.starts_with(encoding.byte_order_mark()) { encoding.byte_order_mark().len() } else { 0 };
        let is_valid = oracle.decode_without_bom_handling_and_without_replacement(&bytes[skipped..]).is_some();
        let faults = whole.faults.iter().filter(|fault| fault.error == contract::rejects::ErrorName::Encoding).count();
        prop_assert_eq!(is_valid, faults == 0);
    }
}

#[test]
fn invalid_bytes_are_told_with_their_place() {
    let cases: [(&str, &[u8], u64, &str); 8] = [
        ("utf-8", b"a,b\nc,d\xFF\n", 7, "byte 0xff is not valid UTF-8 here"),
        ("shift_jis", b"a,b\n\x83\x5C,\x81,\n", 7, "byte 0x81 is not valid Shift_JIS here"),
        ("shift_jis", b"a,\"\x83\x5C\x82\"\n", 5, "byte 0x82 is not valid Shift_JIS here"),
        ("windows-1253", b"a,b\nc,\xAA\n", 6, "byte 0xaa is not valid windows-1253 here"),
        ("gb18030", b"a,\x81\x30\x81\n", 2, "byte 0x81 is not valid gb18030 here"),
        (
            "utf-16le",
            b"a\0,\0\x3D\xD8b\0\n\0",
            4,
            "0xd83d is half of a character, which is not valid UTF-16LE",
        ),
        (
            "utf-16be",
            b"\0a\0,\xDC\x00\0\n",
            4,
            "0xdc00 is half of a character, which is not valid UTF-16BE",
        ),
        ("utf-16le", b"a\0,\0b\0c", 6, "the source ends inside a unit of UTF-16LE"),
    ];
    for (label, source, byte, message) in cases {
        let whole = read(source, Encoding::parse(label).unwrap(), usize::MAX, 1000);
        let fault = whole
            .faults
            .iter()
            .find(|fault| fault.error == contract::rejects::ErrorName::Encoding)
            .unwrap_or_else(|| panic!("{label}"));
        assert_eq!((fault.byte, fault.message.as_str()), (byte, message), "{label} {source:?}");
    }
}

#[test]
fn labels_are_parsed_by_one_door() {
    for (label, expected) in [
        ("UTF8", "utf-8"),
        ("latin1", "windows-1252"),
        (" Shift-JIS ", "shift_jis"),
        ("utf-16", "utf-16le"),
        ("ascii", "utf-8"),
    ] {
        assert_eq!(Encoding::parse(label).unwrap().label(), expected);
    }
    assert!(Encoding::parse("utf-32").unwrap_err().contains("allowed: labels"));
    assert!(Encoding::parse("iso-2022-jp").unwrap_err().contains("convert it to utf-8"));
    assert_eq!(serde_json::to_string(&Encoding::UTF_16BE).unwrap(), "\"utf-16be\"");
    assert!(serde_json::from_str::<Encoding>("\"klingon\"").is_err());
}

#[test]
fn bytes_inside_of_characters_are_no_delimiters() {
    let dialect = |label: &str, delimiter: u8| Dialect {
        delimiter: delimiter.into(),
        encoding: Encoding::parse(label).unwrap(),
        ..Dialect::default()
    };
    for delimiter in [b',', b';', b'\t', b' ', b':'] {
        for (label, _) in ENCODINGS {
            assert_eq!(dialect(label, delimiter).check(), Ok(()), "{label}");
        }
    }
    for (label, delimiter) in
        [("shift_jis", b'|'), ("big5", b'^'), ("gbk", b'~'), ("gb18030", b'0'), ("euc-kr", b'x')]
    {
        assert!(dialect(label, delimiter).check().unwrap_err().contains("delimiter"), "{label}");
    }
    assert_eq!(dialect("euc-kr", b'|').check(), Ok(()));
    // What the table says is what the decoders do: no pair of bytes whose second is ASCII decodes
    // to one character, unless the table says so.
    for (label, _) in ENCODINGS.iter().filter(|(label, _)| !label.starts_with("utf-16")) {
        let (encoding, oracle) = (
            Encoding::parse(label).unwrap(),
            encoding_rs::Encoding::for_label(label.as_bytes()).unwrap(),
        );
        for first in 0x80..=0xFF_u8 {
            for second in 0..0x80_u8 {
                let bytes = [first, second];
                let decoded = oracle.decode_without_bom_handling_and_without_replacement(&bytes);
                let is_inside = decoded.is_some_and(|text| !text.ends_with(char::from(second)));
                assert!(
                    !is_inside || encoding.may_be_inside(second),
                    "{label} {first:02x} {second:02x}"
                );
            }
        }
    }
}
