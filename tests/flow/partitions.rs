//! Values that name folders: those that no store has room for, and many of them.

use std::sync::Arc;

use landing::message::{Counts, JobId, SourceRef, Submission};
use objects::Directories;
use proptest::prelude::*;
use registry::JobRecord;

use super::bench::{Bench, NOW};

/// A contract partitioned by two texts and a number.
fn contract(transform: &str) -> String {
    format!(
        "name: things\n\
         dialect: {{ delimiter: ',', quoteChar: '\"', header: true, skipInitialSpace: false, trim: false, commentChar: null, skipRows: 0 }}\n\
         schema:\n\
         \x20 fields:\n\
         \x20   - {{ name: id, type: integer }}\n\
         \x20   - {{ name: city, type: string }}\n\
         \x20   - {{ name: street, type: string }}\n\
         \x20   - {{ name: no, type: integer }}\n\
         {transform}\
         output: {{ partitionBy: [city, street, no] }}\n"
    )
}

/// Rows with values that have room, just so, and with values that have none.
fn source() -> String {
    let mut source = "id,city,street,no\n".to_owned();
    // `city=` and 250 bytes are 255; a letter outside of ASCII takes two bytes, escaped six.
    for (id, (city, street)) in [
        ("a".repeat(250), "s".to_owned()),
        ("a".repeat(251), "s".to_owned()),
        ("é".repeat(41), "s".to_owned()),
        ("é".repeat(42), "t".repeat(248)),
        ("é".repeat(42), "t".repeat(249)),
        (" ".repeat(83), String::new()),
        (String::new(), " /".repeat(42)),
    ]
    .into_iter()
    .enumerate()
    {
        source.push_str(&format!("{id},{city},{street},{id}\n"));
    }
    source
}

#[tokio::test]
async fn a_value_that_no_store_has_room_for_refuses_its_record() {
    let source = source();
    let sequential = Bench::new(&contract("")).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!(sequential.counts, Counts { read: 7, stored: 3, rejected: 4, filtered: 0 });
    let faults: Vec<(u64, String, String, String)> = sequential
        .errors
        .lines()
        .map(|line| {
            let entry: landing::rejects::ErrorEntry = serde_json::from_str(line).unwrap();
            assert_eq!((entry.error.as_str(), entry.rule.as_deref()), ("constraint-error", Some("partition-value")));
            (entry.line, entry.field.unwrap(), format!("column {}", entry.column.unwrap()), entry.message)
        })
        .collect();
    let fault = |line, field: &str, column, bytes| {
        let message = format!("the folder of `{field}` would have {bytes} bytes, and a name can have 255");
        (line, field.to_owned(), format!("column {column}"), message)
    };
    let expected = [
        fault(3, "city", 2, 256),
        fault(5, "city", 2, 257),
        fault(6, "city", 2, 257),
        fault(6, "street", 3, 256),
        fault(8, "street", 3, 259),
    ];
    assert_eq!(faults, expected);
    // Byte for byte: what was refused is the source without what landed.
    let lines: Vec<&str> = source.split_inclusive('\n').collect();
    assert_eq!(sequential.rejects, [0, 2, 4, 5, 7].map(|line| lines[line]).concat());
    for shard_bytes in (1..=source.len() as u64).step_by(37) {
        let split = Bench::new(&contract("")).await.land("job", source.as_bytes(), shard_bytes).await.unwrap();
        assert_eq!((split.counts, split.rejects, split.errors), (sequential.counts, sequential.rejects.clone(), sequential.errors.clone()));
    }
}

#[tokio::test]
async fn folders_that_are_too_long_together_refuse_their_record() {
    let fields: String = (0..4).map(|n| format!("    - {{ name: p{n}, type: string }}\n")).collect();
    let contract = format!(
        "name: things\nschema:\n  fields:\n    - {{ name: id, type: integer }}\n{fields}output: {{ partitionBy: [p0, p1, p2, p3] }}\n"
    );
    // Each folder has three bytes beside its value, and a slash.
    let row = |id: u32, last: usize| format!("{id},{0},{0},{0},{1}\n", "x".repeat(200), "y".repeat(last));
    let source = format!("id,p0,p1,p2,p3\n{}{}", row(1, 740 - 3 * 204 - 4), row(2, 740 - 3 * 204 - 3));
    let landed = Bench::new(&contract).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!(landed.counts, Counts { read: 2, stored: 1, rejected: 1, filtered: 0 });
    let text = "the folders would have 741 bytes, 203 of them for `p2`, and keys leave 740 to them";
    assert!(landed.errors.contains(text), "{}", landed.errors);
}

#[tokio::test]
async fn of_a_masked_or_filtered_value_no_name_is_made() {
    let source = source();
    let filtered = "transform: { where: \"id = 0 or id = 1\" }\n";
    let landed = Bench::new(&contract(filtered)).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!(landed.counts, Counts { read: 7, stored: 1, rejected: 1, filtered: 5 });
    // What is stored has a short name, whatever the value was.
    let masked = "transform: { mask: [ { field: city, with: redact } ] }\n";
    let landed = Bench::new(&contract(masked)).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!(landed.counts, Counts { read: 7, stored: 5, rejected: 2, filtered: 0 });
    assert!(!landed.rejects.contains("aaa") && !landed.errors.contains("éé"), "{}", landed.rejects);
    // What is derived of a masked value tells of it by its length.
    let derived = "name: things\nschema: { fields: [ { name: id, type: integer }, { name: city, type: string } ] }\n\
        transform: { derive: { folder: \"concat(city, '-')\" }, mask: [ { field: city, with: redact } ] }\noutput: { partitionBy: [folder] }\n";
    let source = format!("id,city\n1,{}\n2,short\n", "q".repeat(300));
    let landed = Bench::new(derived).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!(landed.counts, Counts { read: 2, stored: 1, rejected: 1, filtered: 0 });
    let text = "the value of `folder`, which is masked, breaks the constraint `partition-value`";
    assert!(landed.errors.contains(text) && !landed.errors.contains("30"), "{}", landed.errors);
}

#[tokio::test]
async fn names_as_long_as_they_may_be_land_on_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::over(Arc::new(Directories), Arc::new(Directories), &contract("")).await;
    for place in [&mut bench.context.lake, &mut bench.context.references, &mut bench.context.work] {
        place.bucket = folder.path().join(&place.bucket).to_str().unwrap().to_owned();
    }
    let inbox = folder.path().join("in");
    std::fs::create_dir_all(&inbox).unwrap();
    std::fs::write(inbox.join("a.csv"), source()).unwrap();
    let job = "j".repeat(JobId::MAX_CHARS);
    let submission = Submission {
        job: JobId::parse(&job).unwrap(),
        dataset: bench.dataset.clone(),
        contract: 1,
        source: SourceRef { bucket: inbox.to_str().unwrap().to_owned(), key: "a.csv".to_owned(), version: None, etag: None },
        force: false,
        shard_bytes: Some(64),
        max_cost: None,
    };
    bench.context.registry.put_job(&JobRecord::pending(submission.clone(), NOW)).await.unwrap();
    let stored = bench.run(submission).await.unwrap();
    assert_eq!(stored.counts, Counts { read: 7, stored: 3, rejected: 4, filtered: 0 });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_lands_has_names_that_stores_have_room_for(
        values in proptest::collection::vec(("[a ü/]{0,3}", 0usize..130, "[a-z%]{0,2}", 0usize..200), 1..12), shard_bytes in 64u64..2000
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut source = "id,city,street,no\n".to_owned();
        for (id, (city, times, street, more)) in values.iter().enumerate() {
            source.push_str(&format!("{id},{},{},{id}\n", city.repeat(*times), street.repeat(*more)));
        }
        runtime.block_on(async {
            let bench = Bench::new(&contract("")).await;
            let landed = bench.land("job", source.as_bytes(), shard_bytes).await.unwrap();
            for key in bench.table_keys().await {
                assert!(key.len() <= 1024 && key.split('/').all(|name| name.len() <= 255), "{key}");
            }
            let escaped = |text: String| text.bytes().map(|b| if b.is_ascii_alphanumeric() { 1 } else { 3 }).sum::<usize>();
            let fits = |(city, times, street, more): &(String, usize, String, usize)| {
                escaped(city.repeat(*times)) <= 250 && escaped(street.repeat(*more)) <= 248
            };
            assert_eq!(landed.counts.stored as usize, values.iter().filter(|row| fits(row)).count());
        });
    }
}
