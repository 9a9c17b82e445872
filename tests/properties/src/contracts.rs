//! Checks that a contract exists only valid.

use std::collections::BTreeSet;
use std::sync::Arc;

use contract::Contract;
use csv_records::dialect::Dialect;
use landing::files::{Files, Lineage};

/// For any text: it is a contract, or there are faults, each with its place in it. A contract is
/// the same when it is read again, and written as JSON; what it says can be kept, all its columns
/// can be written, and a header of its fields is one it accepts.
pub fn contracts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let contract = match Contract::parse(&text) {
        Ok(contract) => contract,
        Err(faults) => {
            assert!(!faults.is_empty(), "it is refused without a reason");
            let lines: Vec<_> = text
                .trim_start_matches('\u{feff}')
                .split(['\n', '\r'])
                .map(|line| line.chars().count())
                .collect();
            for fault in faults {
                assert!(!fault.message.is_empty(), "{fault:?}");
                // A line that ends with CR and LF is two here, of which the second one is empty.
                let room = lines.iter().skip(fault.line as usize - 1).max().copied();
                assert!(
                    fault.column >= 1 && room.is_some_and(|room| fault.column as usize <= room + 1),
                    "{fault:?}"
                );
            }
            return;
        }
    };
    if let Some(json) = Contract::in_json(&text) {
        let again = Contract::parse(&json).unwrap_or_else(|faults| panic!("{faults:?} in {json}"));
        assert_eq!(format!("{contract:?}"), format!("{again:?}"), "{json}");
    }

    let dialect = contract.dialect.settle(&Dialect::default());
    let kept = serde_json::to_string(&dialect).expect("it can be written");
    assert_eq!(serde_json::from_str::<Dialect>(&kept).expect("it can be read"), dialect);

    let header: Vec<String> =
        contract.schema.fields.iter().map(|field| field.name.clone()).collect();
    assert_eq!(header.iter().collect::<BTreeSet<_>>().len(), header.len(), "names are told apart");
    let mapping = contract.schema.match_header(&header).unwrap_or_else(|drift| panic!("{drift}"));
    assert_eq!(mapping.fields, contract.schema.match_positions().fields);
    for field in &contract.schema.fields {
        for bound in &field.constraints.bounds {
            assert!(
                bound.value.partial_cmp(&bound.value).is_some(),
                "no value is inside of {}",
                bound.text
            );
        }
        if let Some((regex, pattern)) = &field.constraints.pattern {
            assert!(!regex.is_match("\n") || pattern != "a", "it is anchored");
        }
    }
    let lineage =
        Lineage { source: "s3://inbox/t.csv".to_owned(), job: "job".to_owned(), contract: 1 };
    if let Err(error) = Files::new(Arc::new(contract), lineage) {
        panic!("{error}");
    }
}
