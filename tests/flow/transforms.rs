//! Checks row expressions: the same rows, rejects and counts however the source is split.

use contract::Contract;
use contract::rejects::ErrorEntry;
use job::message::Counts;

use super::bench::{Bench, Landed};

const CONTRACT: &str = r#"
name: trips
dialect: { delimiter: ",", header: true }
schema:
  fields:
    - { name: id, type: integer }
    - { name: miles, type: number, physicalType: "decimal(8,2)" }
    - { name: minutes, type: integer }
    - { name: state, type: string }
  primaryKey: [id]
transform:
  where: state <> 'cancelled'
  derive:
    - { name: hours, sql: "minutes / 60" }
    - { name: mph, sql: "round(miles / hours, 1)" }
    - { name: fare, sql: "miles * 1.5" }
    - { name: kind, sql: "CASE WHEN miles > 100 THEN 'far' ELSE 'near' END" }
  drop: [hours, state]
output: { partitionBy: [kind], lineage: true }
"#;

/// What becomes of each record.
fn source() -> String {
    let mut source = String::from(
        "id,miles,minutes,state\n\
        1,120.50,60,flown\n\
        2,10.00,0,flown\n\
        3,10.00,0,cancelled\n\
        4,x,30,cancelled\n\
        5,5.25,30,\n\
        3,7.00,30,\"flown\n\"\n\
        1,1.00,30,cancelled\n\
        1,1.00,30,flown\n\
        2,2.00,30,flown\n",
    );
    for id in 100..160 {
        let state = if id % 3 == 0 { "cancelled" } else { "\"a,\nb\"" };
        source.push_str(&format!("{id},{}.5,{},{state}\n", id % 7 * 30, id % 5));
    }
    source
}

async fn land(shard_bytes: u64) -> Landed {
    Bench::new(CONTRACT).await.land("job", source().as_bytes(), shard_bytes).await.unwrap()
}

#[tokio::test]
async fn records_are_filtered_derived_and_refused() {
    let landed = land(u64::MAX).await;
    let Counts { read, stored, rejected, filtered } = landed.counts;
    // Twenty of the sixty are cancelled, and eight of the others have no minutes.
    assert_eq!((read, stored, rejected, filtered), (69, 35, 11, 23), "{}", landed.errors);
    let faults: Vec<String> = landed
        .errors
        .lines()
        .take(3)
        .map(|line| {
            let ErrorEntry { record, field, error, rule, message, .. } =
                serde_json::from_str(line).unwrap();
            format!(
                "{record} {} {} {} {message}",
                field.unwrap_or_default(),
                error.as_str(),
                rule.unwrap_or_default()
            )
        })
        .collect();
    let expected = [
        "2 mph transform-error derive `mph` has no value: division by zero",
        // What is no value is refused, whatever its state.
        "4 miles type-error  `x` is not a number",
        // The third record is filtered and claims nothing: the sixth has the key. The seventh is
        // filtered, too, and is no duplicate. The second one failed.
        "8 id primary-key primaryKey `id` is the primary key, and `1` is taken by record 1",
    ];
    assert_eq!(faults, expected);
    assert!(
        landed.rows.iter().any(|row| row.contains("120.5") && row.contains("180.75")),
        "{:?}",
        landed.rows
    );
    assert!(
        landed.rejects.starts_with("id,miles,minutes,state\n2,10.00,0,flown\n4,x,30,cancelled\n")
    );
}

#[tokio::test]
async fn every_shard_size_gives_the_same() {
    let mut sequential = land(u64::MAX).await;
    sequential.rows.sort();
    for shard_bytes in (1..200).step_by(13).chain([300, 777]) {
        let mut landed = land(shard_bytes).await;
        // Each shard has files of its own.
        landed.rows.sort();
        assert_eq!(landed, sequential, "shards of {shard_bytes} bytes");
    }
}

#[test]
fn a_contract_tells_what_is_wrong_with_its_expressions() {
    let broken = CONTRACT
        .replace("where: state <> 'cancelled'", "where: minutes + 1")
        .replace("\"minutes / 60\"", "\"minuts / 60\"")
        .replace("miles * 1.5", "fare * 2")
        .replace("name: kind", "name: id");
    let faults: Vec<String> =
        Contract::parse(&broken).unwrap_err().iter().map(ToString::to_string).collect();
    let expected = [
        "transform.where: has to be a boolean, and is a int64",
        "transform.derive[0].sql: at character 1: `minuts` is not a field; did you mean `minutes`?",
        "transform.derive[1].sql: at character 15: `hours` is not a field",
        "transform.derive[2].sql: at character 1: `fare` is not a field",
        "transform.derive[3].name: `id` is the name of another column already",
    ];
    assert_eq!(faults[..5], expected, "{faults:#?}");
}
