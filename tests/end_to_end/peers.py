"""What landed, as DuckDB, PyArrow and Polars read it.

`write FILE` makes a source. `read LAKES` reads each lake that it is told of as JSON, {folder: {output: value}}, with every peer, compares rows, types and what
Parquet's footers say with what was made, and prints how many times a peer read all rows.
"""

import csv
import decimal
import glob
import json
import math
import sys
import urllib.parse
from datetime import date, datetime, timedelta, timezone

import duckdb
import polars
import pyarrow.csv
import pyarrow.dataset
import pyarrow.json
import pyarrow.parquet

ROWS = 3000
KINDS = ["x", "y/z é=%", None]


def row(n):
    """The values of a record. Nulls are where a remainder says, never in `id`."""
    every = lambda step, value: None if n % step == step - 1 else value
    return {
        "id": ROWS - 1 - n,
        "small": every(5, n % 256 - 128),
        "price": every(7, decimal.Decimal((-1) ** n * (9_999_999_999_99 - n)).scaleb(-2)),
        "exact": every(11, decimal.Decimal((-1) ** n * (90_000_000_000_000_000_00 + n)).scaleb(-2)),
        "ratio": every(3, n / 8),
        "wild": every(4, [n / 10, math.nan, math.inf, -math.inf][n % 50 % 4 if n % 50 < 4 else 0]),
        "open": every(6, n % 2 == 0),
        "day": every(8, date(1969, 12, 1) + timedelta(days=n)),
        "at": every(9, datetime(2013, 1, 1, 0, 0, 0, n, tzinfo=timezone.utc) + timedelta(minutes=n)),
        "local": every(10, datetime(1969, 12, 31, 23, 59, 59, 999_999) + timedelta(hours=n)),
        "note": ["a, \"b\"\nc", "é ☂ 𝄞", "", None, f"n{n}", "NA", "null"][n % 7],
        "empty": None,
        "kind": KINDS[n % 3],
    }


# Columns: how DuckDB, PyArrow and Polars call their types.
TYPES = {
    "id": ("BIGINT", "int64", "Int64"),
    "small": ("SMALLINT", "int16", "Int16"),
    "price": ("DECIMAL(12,2)", "decimal128(12, 2)", "Decimal(precision=12, scale=2)"),
    "exact": ("DECIMAL(20,2)", "decimal128(20, 2)", "Decimal(precision=20, scale=2)"),
    "ratio": ("FLOAT", "float", "Float32"),
    "wild": ("DOUBLE", "double", "Float64"),
    "open": ("BOOLEAN", "bool", "Boolean"),
    "day": ("DATE", "date32[day]", "Date"),
    "at": ("TIMESTAMP WITH TIME ZONE", "timestamp[us, tz=UTC]", "Datetime(time_unit='us', time_zone='UTC')"),
    "local": ("TIMESTAMP", "timestamp[us]", "Datetime(time_unit='us', time_zone=None)"),
    "note": ("VARCHAR", "string", "String"),
    "empty": ("VARCHAR", "string", "String"),
    "kind": ("VARCHAR", "string", "String"),
}
DUCKDB, PYARROW, POLARS = range(3)
# What a peer can't read of JSON in its type, and by which one it can; `None`: not at all. JSON has one kind of number, which DuckDB and Polars take for a double, and no NaN.
JSON_TYPES = {
    DUCKDB: {"exact": "DOUBLE"},
    PYARROW: {"day": "string", "wild": None},
    POLARS: {"small": "Int64", "price": "Float64", "exact": "Float64", "wild": None},
}
EXPECTED = sorted((row(n) for n in range(ROWS)), key=lambda row: row["id"])


def write(path):
    def cell(value):
        match value:
            case None:
                return "∅"
            case float() if math.isnan(value):
                return "NaN"
            case float() if math.isinf(value):
                return "INF" if value > 0 else "-INF"
            case bool():
                return str(value).lower()
            case datetime():
                return value.replace(tzinfo=None).isoformat(timespec="microseconds") + ("Z" if value.tzinfo else "")
            case _:
                return str(value)

    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(TYPES)
        writer.writerows([cell(value) for value in row(n).values()] for n in range(ROWS))


def alike(found, expected):
    is_nan = [isinstance(value, float) and math.isnan(value) for value in (found, expected)]
    return is_nan == [True, True] or (type(found) is type(expected) and found == expected)


def as_read(value, kind):
    """A value as a peer reads it that has another type for it."""
    if value is None or kind is None:
        return None
    return {"DOUBLE": float, "Float64": float, "Int64": int, "string": str}[kind](value)


def check(what, peer, table, types, partitioned, others={}):
    """Compares types and rows, of an Arrow table. Of a folder's value readers know the text only, and each has its own idea of a type for it."""
    for name, names in TYPES.items():
        if not (partitioned and name == "kind") and others.get(name, "") is not None:
            assert types[name] == others.get(name, names[peer]), (what, peer, name, types[name])
    read = [name for name in TYPES if others.get(name, "") is not None]
    rows = sorted(table.select(read).to_pylist(), key=lambda row: row["id"])
    assert len(rows) == ROWS, (what, peer, len(rows))
    for found, expected in zip(rows, EXPECTED):
        for name in read:
            value = as_read(expected[name], others[name]) if name in others else expected[name]
            assert alike(found[name], value), (what, peer, expected["id"], name, found[name], value)


def of_duckdb(relation):
    return relation.to_arrow_table(), dict(zip(relation.columns, map(str, relation.types)))


def of_arrow(table):
    types = {field.name: str(field.type) for field in table.schema}
    kind = table.schema.get_field_index("kind")
    return table.set_column(kind, "kind", table.column(kind).cast(pyarrow.string())), types


def of_polars(frame):
    return frame.to_arrow(), {name: str(kind) for name, kind in frame.schema.items()}


def read_parquet(folder, partitioned):
    files = f"{folder}/**/*.parquet"
    yield of_duckdb(duckdb.sql(f"select * from read_parquet('{files}', hive_partitioning={partitioned})"))
    partitioning = "hive" if partitioned else None
    yield of_arrow(pyarrow.dataset.dataset(glob.glob(files, recursive=True), partitioning=partitioning).to_table())
    yield of_polars(polars.read_parquet(files, hive_partitioning=partitioned))


def told(peer, others, partitioned):
    """The types that a reader of text is told, as those of a table over such files are."""
    names = {name: others.get(name, names[peer]) for name, names in TYPES.items() if not (partitioned and name == "kind")}
    return {name: kind for name, kind in names.items() if kind is not None}


def with_kind(tables, append):
    """Each file's table with the value of its folder."""
    for path, table in tables:
        folder = path.rsplit("/", 2)[1]
        if folder.startswith("kind="):
            kind = urllib.parse.unquote(folder.removeprefix("kind="))
            table = append(table, None if kind == "__HIVE_DEFAULT_PARTITION__" else kind)
        yield table


def read_text(folder, is_csv, partitioned, others):
    files = sorted(glob.glob(f"{folder}/**/*.{'csv' if is_csv else 'jsonl'}*", recursive=True))
    function, more = ("read_csv", "header=true, allow_quoted_nulls=false") if is_csv else ("read_json", "format='newline_delimited'")
    columns = told(DUCKDB, others[DUCKDB], partitioned)
    yield of_duckdb(duckdb.sql(f"select * from {function}({files}, columns={columns}, {more}, hive_partitioning={partitioned})"))

    longer = {"decimal128(12, 2)": pyarrow.decimal128(12, 2), "decimal128(20, 2)": pyarrow.decimal128(20, 2), "timestamp[us, tz=UTC]": pyarrow.timestamp("us", "UTC")}
    columns = {name: longer.get(kind) or pyarrow.type_for_alias(kind) for name, kind in told(PYARROW, others[PYARROW], partitioned).items()}
    if is_csv:
        options = {
            "parse_options": pyarrow.csv.ParseOptions(newlines_in_values=True),
            "convert_options": pyarrow.csv.ConvertOptions(
                column_types=columns, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
            ),
        }
        read = lambda path: pyarrow.csv.read_csv(path, **options)
    else:
        parse = pyarrow.json.ParseOptions(explicit_schema=pyarrow.schema(columns), unexpected_field_behavior="ignore")

        def read(path):
            with pyarrow.input_stream(path, compression="detect") as stream:
                return pyarrow.json.read_json(stream, parse_options=parse)

    append = lambda table, kind: table.append_column("kind", pyarrow.array([kind] * len(table), pyarrow.string()))
    yield of_arrow(pyarrow.concat_tables(with_kind(((path, read(path)) for path in files), append)))

    columns = {name: eval(f"polars.{kind}") for name, kind in told(POLARS, others[POLARS], partitioned).items()}
    read = polars.read_csv if is_csv else polars.read_ndjson
    append = lambda frame, kind: frame.with_columns(kind=polars.lit(kind, polars.String))
    yield of_polars(polars.concat(with_kind(((path, read(path, schema=columns)) for path in files), append)))


def check_footers(folder, output):
    """What footers say must be so: codecs, counts, bounds and nulls of each row group, filters, and the order of rows."""
    codec = {"zstd": "ZSTD", "snappy": "SNAPPY", "lz4_raw": "LZ4", "none": "UNCOMPRESSED"}[output["compression"]]
    filtered = output.get("bloomFilters", [])
    for path in glob.glob(f"{folder}/**/*.parquet", recursive=True):
        file = pyarrow.parquet.ParquetFile(path)
        assert file.num_row_groups == 1, path
        # Bounds of floats are said to be in the total order of IEEE 754, which PyArrow does not know and so does not heed.
        group, table, floats = file.metadata.row_group(0), file.read_row_group(0), {}
        for index in range(group.num_columns):
            column = group.column(index)
            name, values = column.path_in_schema, [value for value in table.column(index).to_pylist() if value is not None]
            # What would not get smaller is left as it is.
            assert column.compression in (codec, "UNCOMPRESSED"), (path, name, column.compression)
            statistics = column.statistics
            assert statistics.null_count == len(table) - len(values), (path, name)
            numbers = [value for value in values if not (isinstance(value, float) and math.isnan(value))]
            if name in ("ratio", "wild"):
                floats[name] = (min(numbers), max(numbers)) if numbers == values and numbers else (None, None)
                continue
            assert statistics.has_min_max == (len(values) > 0), (path, name)
            if values:
                assert (statistics.min, statistics.max) == (min(values), max(values)), (path, name, statistics)
        if "sortBy" in output:
            order = [(row["day"] is None, row["day"] or date.min, -row["id"]) for row in table.select(["day", "id"]).to_pylist()]
            assert order == sorted(order), path
            names = [(table.column_names[key.column_index], key.descending, key.nulls_first) for key in group.sorting_columns]
            assert names == [("day", False, False), ("id", True, False)], names
        seen = "path_in_schema, stats_min_value::double, stats_max_value::double"
        seen = duckdb.sql(f"select {seen} from parquet_metadata('{path}') where path_in_schema in ('ratio', 'wild')").fetchall()
        assert {name: (least, greatest) for name, least, greatest in seen} == floats, (path, seen, floats)
        seen = duckdb.sql(f"select path_in_schema, bloom_filter_offset, bloom_filter_length from parquet_metadata('{path}')").fetchall()
        assert {name for name, offset, length in seen if offset and length} == set(filtered), (path, seen)
        for name in filtered:
            values = {value for value in table.column(name).to_pylist() if value is not None}
            probe = lambda value: duckdb.execute(f"select bloom_filter_excludes from parquet_bloom_probe('{path}', '{name}', ?)", [value]).fetchall()[0][0]
            assert not any(probe(value) for value in list(values)[:20]), (path, name)
            absent = range(10**6, 10**6 + 20) if name == "id" else [f"absent {n}" for n in range(20)]
            assert sum(probe(value) for value in absent) >= 15, (path, name)


def main():
    if sys.argv[1] == "write":
        return write(sys.argv[2])
    duckdb.sql("set timezone = 'UTC'")
    reads = 0
    for folder, output in json.loads(sys.argv[2]).items():
        partitioned = "partitionBy" in output
        if output["format"] == "parquet":
            check_footers(folder, output)
            others = [{}, {}, {}]
            found = read_parquet(folder, partitioned)
        else:
            is_csv = output["format"] == "csv"
            others = [{}, {}, {}] if is_csv else JSON_TYPES
            found = read_text(folder, is_csv, partitioned, others)
        for peer, (table, types) in enumerate(found):
            check(output, peer, table, types, partitioned, others[peer])
            reads += 1
    print(reads)


if __name__ == "__main__":
    main()
