//! Checks values that name folders: those that no store has room for, and many of them.

use std::path::PathBuf;
use std::sync::Arc;

use job::message::{Counts, JobId};
use objects::{Buckets, Directories, Objects};
use proptest::prelude::*;

use super::bench::Bench;

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
         \x20   - {{ name: number, type: integer }}\n\
         {transform}\
         output: {{ partitionBy: [city, street, number] }}\n"
    )
}

/// Rows with values that have room, just so, and with values that have none.
fn source() -> String {
    let mut source = "id,city,street,number\n".to_owned();
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
    let sequential =
        Bench::new(&contract("")).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!(sequential.counts, Counts { read: 7, stored: 3, rejected: 4, filtered: 0 });
    let faults: Vec<(u64, String, String, String)> = sequential
        .errors
        .lines()
        .map(|line| {
            let entry: contract::rejects::ErrorEntry = serde_json::from_str(line).unwrap();
            assert_eq!(
                (entry.error.as_str(), entry.rule.as_deref()),
                ("constraint-error", Some("partition-value"))
            );
            (
                entry.line,
                entry.field.unwrap(),
                format!("column {}", entry.column.unwrap()),
                entry.message,
            )
        })
        .collect();
    let fault = |line, field: &str, column, bytes| {
        let message =
            format!("the folder of `{field}` would have {bytes} bytes, and a name can have 255");
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
        let split = Bench::new(&contract(""))
            .await
            .land("job", source.as_bytes(), shard_bytes)
            .await
            .unwrap();
        assert_eq!(
            (split.counts, split.rejects, split.errors),
            (sequential.counts, sequential.rejects.clone(), sequential.errors.clone())
        );
    }
}

#[tokio::test]
async fn folders_that_are_too_long_together_refuse_their_record() {
    let fields: String =
        (0..4).map(|n| format!("    - {{ name: p{n}, type: string }}\n")).collect();
    let contract = format!(
        "name: things\nschema:\n  fields:\n    - {{ name: id, type: integer }}\n{fields}output: {{ partitionBy: [p0, p1, p2, p3] }}\n"
    );
    // Each folder has three bytes beside its value, and a slash.
    let row =
        |id: u32, last: usize| format!("{id},{0},{0},{0},{1}\n", "x".repeat(200), "y".repeat(last));
    let source =
        format!("id,p0,p1,p2,p3\n{}{}", row(1, 750 - 3 * 204 - 4), row(2, 750 - 3 * 204 - 3));
    let landed =
        Bench::new(&contract).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!(landed.counts, Counts { read: 2, stored: 1, rejected: 1, filtered: 0 });
    let text = "the folders would have 751 bytes, 203 of them for `p2`, and keys leave 750 to them";
    assert!(landed.errors.contains(text), "{}", landed.errors);
}

#[tokio::test]
async fn of_a_masked_or_filtered_value_no_name_is_made() {
    let source = source();
    let filtered = "transform: { where: \"id = 0 or id = 1\" }\n";
    let landed = Bench::new(&contract(filtered))
        .await
        .land("job", source.as_bytes(), u64::MAX)
        .await
        .unwrap();
    assert_eq!(landed.counts, Counts { read: 7, stored: 1, rejected: 1, filtered: 5 });
    // What is stored has a short name, whatever the value was.
    let masked = "transform: { mask: [ { field: city, with: redact } ] }\n";
    let landed =
        Bench::new(&contract(masked)).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!(landed.counts, Counts { read: 7, stored: 5, rejected: 2, filtered: 0 });
    assert!(!landed.rejects.contains("aaa") && !landed.errors.contains("éé"), "{}", landed.rejects);
    // What is derived of a masked value tells of it by its length.
    let derived = "name: things\nschema: { fields: [ { name: id, type: integer }, { name: city, type: string } ] }\n\
        transform: { derive: [ { name: folder, sql: \"concat(city, '-')\" } ], mask: [ { field: city, with: redact } ] }\noutput: { partitionBy: [folder] }\n";
    let source = format!("id,city\n1,{}\n2,short\n", "q".repeat(300));
    let landed = Bench::new(derived).await.land("job", source.as_bytes(), u64::MAX).await.unwrap();
    assert_eq!(landed.counts, Counts { read: 2, stored: 1, rejected: 1, filtered: 0 });
    let text = "the value of `folder`, which is masked, breaks the constraint `partition-value`";
    assert!(landed.errors.contains(text) && !landed.errors.contains("30"), "{}", landed.errors);
}

/// Buckets as directories below another.
struct Below(PathBuf);

impl Buckets for Below {
    fn bucket(&self, name: &str) -> Arc<dyn Objects> {
        Directories.bucket(self.0.join(name).to_str().unwrap())
    }
}

#[tokio::test]
async fn names_as_long_as_they_may_be_land_on_a_disk() {
    let folder = tempfile::tempdir().unwrap();
    let buckets = Arc::new(Below(folder.path().to_owned()));
    let bench = Bench::over(buckets.clone(), buckets, &contract("")).await;
    let submission =
        bench.submit(&"j".repeat(JobId::MAX_CHARS), source().as_bytes(), 64, false).await;
    let stored = bench.run(submission).await.unwrap();
    assert_eq!(stored.counts, Counts { read: 7, stored: 3, rejected: 4, filtered: 0 });
}

/// A contract partitioned by days.
const DAYS: &str = "name: things\n\
    dialect: { delimiter: ',', header: true }\n\
    schema:\n\
    \x20 fields:\n\
    \x20   - { name: id, type: integer }\n\
    \x20   - { name: day, type: date }\n\
    \x20   - { name: note, type: string }\n\
    output: { partitionBy: [day], lineage: true }\n";

/// One of very many days: of each month the first 28.
fn day(n: usize) -> String {
    format!("{}-{:02}-{:02}", 2000 + n / 336, n % 336 / 28 + 1, n % 28 + 1)
}

/// The folders of a table's files, each as often as it has files.
async fn folders(bench: &Bench) -> Vec<String> {
    let keys = bench.table_keys().await;
    let mut folders: Vec<String> =
        keys.iter().map(|key| key.rsplit_once('/').unwrap().0.to_owned()).collect();
    folders.sort_unstable();
    folders
}

#[tokio::test]
async fn years_of_days_land_from_any_number_of_shards() {
    // Three years and a bit, and each day once more when all others were there.
    let rows: String = (0..2_400).map(|id| format!("{id},{},n\n", day(id * 7 % 1_200))).collect();
    let source = format!("id,day,note\n{rows}");
    let mut landed = Vec::new();
    for shard_bytes in [u64::MAX, 16_000] {
        let bench = Bench::new(DAYS).await;
        let mut this = bench.land("job", source.as_bytes(), shard_bytes).await.unwrap();
        let folders = folders(&bench).await;
        assert_eq!(folders.len(), 1_200);
        assert!(folders.is_sorted_by(|a, b| a < b), "a file for each");
        this.rows.sort_unstable();
        landed.push(this);
    }
    assert_eq!(landed[0].counts, Counts { read: 2_400, stored: 2_400, rejected: 0, filtered: 0 });
    assert_eq!(landed[0], landed[1]);
}

#[tokio::test]
async fn what_one_shard_wrote_in_pieces_is_put_together() {
    // Of the days that have no file open more than is kept aside, in an order that makes several
    // pieces of each folder.
    let (days, open, times) = (1_400, 1_000, 3);
    let note = "x".repeat(25_000);
    let note = |day: usize| if day < open { "" } else { note.as_str() };
    let rows: String = (0..days * times)
        .map(|id| format!("{id},{},{}\n", day(id % days), note(id % days)))
        .collect();
    let source = format!("id,day,note\n{rows}");
    let bench = Bench::new(DAYS).await;
    let submission = bench.submit("job", source.as_bytes(), u64::MAX, false).await;
    let stored = bench.run(submission).await.unwrap();
    assert_eq!(stored.counts.stored, (days * times) as u64);
    let folders = folders(&bench).await;
    assert_eq!(folders.len(), days);
    assert!(folders.is_sorted_by(|a, b| a < b), "a file for each");
    let left =
        bench.work().list(bench.context.keys(&stored.job).small_prefix(), None, 10).await.unwrap();
    assert_eq!(left, [], "nothing is left of the pieces");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_lands_has_names_that_stores_have_room_for(
        values in proptest::collection::vec(("[a ü/]{0,3}", 0usize..130, "[a-z%]{0,2}", 0usize..200), 1..12), shard_bytes in 64u64..2000
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut source = "id,city,street,number\n".to_owned();
        for (id, (city, times, street, more)) in values.iter().enumerate() {
            source.push_str(&format!("{id},{},{},{id}\n", city.repeat(*times), street.repeat(*more)));
        }
        runtime.block_on(async {
            let bench = Bench::new(&format!("{}rejects: {{ limit: 100% }}\n", contract(""))).await;
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
