//! Checks tables of the lake in Glue's catalog, written with the permissions of the template and no
//! others.

use serde_json::{Value, json};
use xtask::local::Options;

use super::stage::Stage;

const DATABASE: &str = "shore";

/// Creates or deletes the database; prints its tables, with the values and locations of their
/// partitions.
const GLUE: &str = "
import boto3, json, sys
act, database = sys.argv[1:]
glue = boto3.client('glue')
if act == 'create':
    glue.create_database(DatabaseInput={'Name': database})
if act == 'delete':
    for table in glue.get_tables(DatabaseName=database)['TableList']:
        glue.delete_table(DatabaseName=database, Name=table['Name'])
    glue.delete_database(Name=database)
tables = glue.get_tables(DatabaseName=database)['TableList'] if act != 'delete' else []
for table in tables:
    partitions = glue.get_partitions(DatabaseName=database, TableName=table['Name'])['Partitions']
    table['Partitions'] = sorted([p['Values'], p['StorageDescriptor']['Location']] for p in partitions)
print(json.dumps({table['Name']: table for table in tables}, default=str))
";

fn contract(name: &str, output: &str) -> String {
    let fields =
        "[ { name: id, type: integer }, { name: day, type: date }, { name: kind, type: string } ]";
    format!("name: {name}\nschema: {{ fields: {fields} }}\noutput: {{ {output} }}\n")
}

fn land(stage: &Stage, dataset: &str, rows: &str) -> Value {
    let key = stage.stage(dataset, "rows.csv", format!("id,day,kind\n{rows}").into_bytes());
    let job = stage.wait(&stage.submit(&json!({"dataset": dataset, "source": {"key": key}})));
    assert_eq!(job["status"], "SUCCEEDED", "{job}");
    job
}

#[test]
fn tables_and_partitions_are_registered() {
    let parameters = vec![("GlueDatabase".to_owned(), DATABASE.to_owned())];
    let stage = Stage::with(Options { parameters, ..Options::default() });
    let glue = |act: &str| stage.python(GLUE, &[act, DATABASE]);
    stage.register_text("hive", &contract("hive", "partitionBy: [day, kind]"));
    stage.register_text("delta", &contract("delta", "table: delta, partitionBy: [kind]"));

    // Without its database a job lands all the same, and says what it could not do.
    let job = land(&stage, "hive", "1,2013-01-01,a b\n");
    assert_eq!(job["warnings"][0]["name"], "CatalogNotUpdated", "{job}");
    assert!(
        job["warnings"][0]["message"]
            .as_str()
            .unwrap()
            .contains("the database `shore`: EntityNotFoundException"),
        "{job}"
    );

    glue("create");
    let job = land(&stage, "hive", "2,2013-01-02,a b\n3,,\n");
    assert_eq!(job.get("warnings"), None, "{job}");
    let job = land(&stage, "hive", "4,2013-01-02,a b\n5,2013-01-02,c\n");
    assert_eq!(job.get("warnings"), None, "{job}");
    land(&stage, "delta", "1,2013-01-01,a\n");
    let tables = glue("look");

    let table = &tables["hive"];
    let lake = stage.cloud.output("LakeBucket").unwrap();
    let null = "__HIVE_DEFAULT_PARTITION__";
    let partition = |day: &str, kind: &str, folder: &str| {
        json!([[day, kind], format!("s3://{lake}/lake/hive/day={day}/kind={folder}/")])
    };
    let expected = [
        partition("2013-01-01", "a b", "a%20b"),
        partition("2013-01-02", "a b", "a%20b"),
        partition("2013-01-02", "c", "c"),
        partition(null, null, null),
    ];
    assert_eq!(
        table["Partitions"],
        json!(expected),
        "also those of the commit that could not be told"
    );
    assert_eq!(
        table["PartitionKeys"],
        json!([{"Name": "day", "Type": "date"}, {"Name": "kind", "Type": "string"}])
    );
    assert_eq!(table["StorageDescriptor"]["Columns"], json!([{"Name": "id", "Type": "bigint"}]));
    assert_eq!(table["Parameters"]["landfall.sequence"], "2");
    let folders = expected
        .map(|partition| partition[1].as_str().unwrap().replace(&format!("s3://{lake}/"), ""));
    let (keys, _) = stage.listing("LakeBucket", "lake/hive/day=");
    assert_eq!(keys.len(), 5);
    assert!(
        keys.iter().all(|key| folders.iter().any(|folder| key.starts_with(folder))),
        "{keys:?}"
    );

    let table = &tables["delta"];
    assert_eq!(
        (&table["Parameters"]["table_type"], &table["PartitionKeys"]),
        (&json!("DELTA"), &json!([]))
    );
    assert_eq!(table["StorageDescriptor"]["Location"], format!("s3://{lake}/lake/delta/"));
    glue("delete");
}
