//! Transforms on the deployed stack: rows are stored, rejected and filtered as DuckDB's own reading
//! of the file and of the same SQL says.

use serde_json::{Value, json};
use xtask::local::Options;

use super::stage::{Stage, flights, testdata};

const WHERE: &str = "arr_delay IS NOT NULL AND origin <> 'LGA'";
/// Of records that left on time, the last one fails: there is no share of no delay.
const DERIVE: [(&str, &str); 5] = [
    ("route", "origin || '-' || dest"),
    ("km", "distance * 1.609344"),
    ("weekday", "dayofweek(make_day)"),
    ("delay", "CASE WHEN dep_delay > 60 THEN 'long' WHEN dep_delay > 15 THEN 'short' END"),
    ("made_good", "100 * (dep_delay - arr_delay) // dep_delay"),
];
const MAKE_DAY: &str = "CAST(year || '-' || substring((100 + month)::string, 2) || '-' || substring((100 + day)::string, 2) AS date)";

/// Where division by zero is null to DuckDB, it is a fault to Landfall.
const COMPARE: &str = "
import duckdb, json, sys
folder, csv, expressions = sys.argv[1:]
where, derive = json.loads(expressions)
lake = f\"read_parquet('{folder}/**/*.parquet', hive_partitioning=true)\"
source = f\"read_csv('{csv}', header=true, nullstr=['NA',''], auto_detect=true)\"
names = [name for name, _ in derive]
columns = ', '.join(f'{sql} as {name}' for name, sql in derive)
all = f'(select *, {columns} from {source} where {where})'
good = f'(select * from {all} where dep_delay <> 0)'
measures = ['count(*)', 'sum(km)', 'sum(made_good)', 'sum(weekday)', 'min(make_day)', 'max(make_day)', 'sum(year)', 'sum(arr_delay)']
measures += [f'count({name})' for name in names] + [f'count(distinct {name})' for name in names]
def measure(relation):
    return [str(v) for v in duckdb.sql('select ' + ', '.join(measures) + f' from {relation}').fetchall()[0]]
def count(relation):
    return duckdb.sql(f'select count(*) from {relation}').fetchall()[0][0]
stored, rejected = count(good), count(f'(select * from {all} where dep_delay = 0)')
read = count(source)
routes = 'select route, delay, count(*), sum(made_good), sum(km) from {} group by all order by all'
print(json.dumps({
    'counts': {'read': read, 'stored': stored, 'rejected': rejected, 'filtered': read - stored - rejected},
    'lake': measure(lake), 'source': measure(good),
    'routes': duckdb.sql(routes.format(lake)).fetchall() == duckdb.sql(routes.format(good)).fetchall(),
    'columns': [row[0] for row in duckdb.sql(f'describe select * from {lake}').fetchall()],
}))
";

#[test]
fn what_expressions_give_is_what_duckdb_gives() {
    let stage = Stage::with(Options { shard_bytes: Some(8 * 1024 * 1024), ..Options::default() });
    let mut derive = DERIVE.to_vec();
    derive.insert(0, ("make_day", MAKE_DAY));
    let derived: String = derive
        .iter()
        .map(|(name, sql)| format!("    - {{ name: {name}, sql: {} }}\n", json!(sql)))
        .collect();
    let transform = format!(
        "transform:\n  where: {}\n  derive:\n{derived}  drop: [tailnum, hour, minute]\n",
        json!(WHERE)
    );
    let contract = std::fs::read_to_string(testdata("contracts/flights.yaml"))
        .unwrap()
        .replace("limit: 1%", "limit: 10%");
    stage.register_text("flights", &(contract + &transform));

    let key = stage.stage("flights", "flights.csv", flights());
    let id = stage.submit(&json!({"dataset": "flights", "source": {"key": key}}));
    let job = stage.wait(&id);
    assert_eq!(job["status"], "SUCCEEDED", "{job}");

    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("flights.csv");
    std::fs::write(&csv, flights()).unwrap();
    let lake = stage.download_lake("flights", folder.path());
    let expressions = json!([WHERE, derive]).to_string();
    let found: Value =
        stage.python(COMPARE, &[lake.to_str().unwrap(), csv.to_str().unwrap(), &expressions]);
    assert_eq!(job["counts"], found["counts"]);
    assert!(
        ["stored", "rejected", "filtered"]
            .iter()
            .all(|count| found["counts"][count].as_u64() > Some(1000)),
        "{found}"
    );
    assert_eq!(found["lake"], found["source"]);
    assert_eq!(found["routes"], true);
    let columns: Vec<&str> =
        found["columns"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(
        ["make_day", "route", "km", "made_good"].iter().all(|name| columns.contains(name)),
        "{columns:?}"
    );
    assert!(
        ["tailnum", "hour", "minute"].iter().all(|name| !columns.contains(name)),
        "{columns:?}"
    );

    let errors = stage.cloud.api().get(&format!("/jobs/{id}/errors")).unwrap().ok().unwrap();
    let first = &errors["items"][0];
    assert_eq!(
        (&first["error"], &first["field"], &first["rule"], &first["message"]),
        (
            &json!("transform-error"),
            &json!("made_good"),
            &json!("derive"),
            &json!("`made_good` has no value: division by zero")
        ),
        "{errors}"
    );
}
