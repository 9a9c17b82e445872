//! Names what SQL has and row expressions lack, and says why.

use wording::nearest;

use super::functions::FUNCTIONS;

/// Functions of many rows.
const AGGREGATES: &[&str] = &[
    "sum",
    "avg",
    "mean",
    "count",
    "min",
    "max",
    "median",
    "mode",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "variance",
    "var_pop",
    "var_samp",
    "first",
    "last",
    "any_value",
    "string_agg",
    "array_agg",
    "list",
    "group_concat",
    "listagg",
    "bool_and",
    "bool_or",
    "quantile",
    "quantile_cont",
    "quantile_disc",
    "arg_max",
    "arg_min",
    "approx_count_distinct",
    "product",
    "corr",
    "histogram",
];
/// Functions of a row among others.
const WINDOWS: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
];
/// Functions whose answer is another one every time.
const FICKLE: &[&str] = &[
    "now",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtime",
    "localtimestamp",
    "today",
    "random",
    "rand",
    "uuid",
    "gen_random_uuid",
    "nextval",
    "setseed",
    "get_current_timestamp",
    "transaction_timestamp",
];

/// Why there is no function of that name.
pub(super) fn function(name: &str) -> String {
    if AGGREGATES.contains(&name) {
        let hint = match name {
            "min" => "; `least` compares values of one row",
            "max" => "; `greatest` compares values of one row",
            _ => "",
        };
        return format!("`{name}` aggregates many rows, and a row expression sees one{hint}");
    }
    if WINDOWS.contains(&name) {
        return format!("`{name}` looks at other rows, and a row expression sees one");
    }
    if FICKLE.contains(&name) {
        return format!(
            "`{name}` gives another answer every time, and a shard that runs twice must give the same rows"
        );
    }
    let meant = match name {
        "md5" | "hash" => Some("sha256"),
        "if" | "iif" | "iff" | "decode" => Some("CASE"),
        "nvl" => Some("coalesce"),
        "pow" | "power" => Some("*"),
        "mod" => Some("%"),
        "to_date" | "strptime" | "to_timestamp" => Some("CAST"),
        _ => nearest(name, FUNCTIONS.iter().flat_map(|function| function.names.iter().copied())),
    };
    match meant {
        Some(meant) => format!("there is no function `{name}`; did you mean `{meant}`?"),
        None => format!("there is no function `{name}`"),
    }
}

pub(super) const SUBQUERY: &str = "a subquery looks at other rows, and a row expression sees one";
pub(super) const WINDOW: &str = "OVER looks at other rows, and a row expression sees one";
pub(super) const SORT: &str =
    "ORDER BY, DISTINCT, FILTER and their like are of many rows, and a row expression sees one";
pub(super) const INTERVAL: &str = "an interval is written INTERVAL 3 DAY or INTERVAL '3 days', in \
                                   years, months, weeks, days, hours, minutes or seconds";
