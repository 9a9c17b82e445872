//! Checks that a guess settles whatever a dialect leaves unsaid.

use std::collections::BTreeSet;

use contract::{Compression, Contract};
use csv_records::Limits;
use csv_records::dialect::{RepeatedHeader, StatedDialect, Terminator};
use inference::{dataset_name, propose};
use landing::batch::Batch;
use landing::columns;
use landing::opening::{Opening, Stated};

use crate::dialects::byte;
use crate::input::{Flags, Input};
use crate::table::batches;

/// Most bytes that are looked at once they are unpacked.
const MOST_TEXT_BYTES: usize = 1 << 20;

/// For any bytes: they are refused with a reason, or guesses come out, the same ones each time,
/// which keep to what was said and can be read exactly. A contract proposed from all of a source is
/// valid and refuses nothing of it but what no contract would take.
pub fn sniffing(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (mut flags, mut said) = (Flags::of(&mut input), Flags::of(&mut input));
    let is_whole = !flags.next();
    let dialect = StatedDialect {
        delimiter: said.next().then(|| input.choose(b",;\t|:x").into()),
        quote_char: said.next().then(|| byte(&mut input, &[Some(b'"'), Some(b'\''), None])),
        escape_char: said.next().then(|| byte(&mut input, &[Some(b'\\'), Some(b'"'), None])),
        line_terminator: said.next().then(|| {
            input.choose(&[Terminator::Auto, Terminator::Lf, Terminator::CrLf, Terminator::Cr])
        }),
        header: said.next().then(|| input.byte() & 1 == 1),
        skip_rows: said.next().then(|| u32::from(input.byte() % 4)),
        comment_char: said.next().then(|| byte(&mut input, &[Some(b'#'), None])),
        footer_rows: said.next().then(|| u32::from(input.byte() % 4)),
        ..StatedDialect::default()
    };
    let stated = Stated {
        name: "source.csv",
        compression: Compression::Auto,
        encoding: None,
        dialect: &dialect,
        schema: None,
    };
    let source = input.rest();
    let open = || Opening::read(&stated, Limits::default(), source, is_whole, MOST_TEXT_BYTES);
    match (open(), open()) {
        (Ok(Some(opening)), Ok(Some(again))) => {
            assert_eq!(
                (&opening.dialect, &opening.header, &opening.evidence),
                (&again.dialect, &again.header, &again.evidence)
            );
            assert_eq!(opening.dialect.check(), Ok(()));
            assert_eq!(dialect.settle(&opening.dialect), opening.dialect);
            assert!(opening.header.data_start as usize <= opening.text.len());
        }
        (Ok(None), Ok(None)) => assert!(!is_whole, "more is wanted than there is"),
        (Err(error), Err(_)) => assert!(!error.to_string().is_empty()),
        _ => panic!("it is opened once, and once not"),
    }
    proposes(&stated, source);
}

fn proposes(stated: &Stated<'_>, source: &[u8]) {
    let Ok(inferred) = propose(stated, &dataset_name(stated.name), source, true) else { return };
    let yaml = &inferred.yaml;
    let contract = Contract::parse(yaml).unwrap_or_else(|faults| panic!("{faults:?}\n{yaml}"));
    let known = Stated {
        encoding: contract.encoding,
        dialect: &contract.dialect,
        schema: Some(&contract.schema),
        ..stated.clone()
    };
    let opening = Opening::read(&known, Limits::default(), source, true, usize::MAX);
    let opening = opening
        .unwrap_or_else(|error| panic!("{error}\n{yaml}"))
        .expect("the whole source holds the header");
    let mapping = if opening.dialect.header {
        contract
            .schema
            .match_header(&opening.header.names)
            .unwrap_or_else(|drift| panic!("{drift}\n{yaml}"))
    } else {
        contract.schema.match_positions()
    };
    let (mut records, mut refused) = (0, 0);
    batches(&opening, |batch, read| {
        let mut findings = batch.faults(mapping.columns, &batch.cells());
        columns::read(read, &contract, &mapping, &mut findings);
        let repeated = batch.repeated_headers(&mapping.header, &batch.cells(), &opening.dialect);
        findings.retain(|finding| !repeated.contains(&(finding.row as usize)));
        if opening.dialect.repeated_header == RepeatedHeader::Reject {
            findings.extend(repeated.iter().map(|row| Batch::repeated_header(*row)));
        }
        records += batch.records.len() as u64;
        refused += findings.iter().map(|finding| finding.row).collect::<BTreeSet<_>>().len() as u64;
    });
    assert_eq!((records, refused), (inferred.records, inferred.refused), "{yaml}");
}
