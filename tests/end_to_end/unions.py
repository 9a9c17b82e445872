"""The files of one table, read together by DuckDB, PyArrow and Polars in every order of the files, by the options that docs/how-to/change-a-contract.md names.

`FOLDER ROWS`: all rows, as JSON, decimals as text. Prints how many times a peer found them.
"""

import glob
import itertools
import json
import sys

import duckdb
import polars
import pyarrow.dataset
import pyarrow.parquet


def of_duckdb(files):
    return duckdb.sql(f"select * from read_parquet({files}, union_by_name=true)").to_arrow_table()


def of_arrow(files):
    schema = pyarrow.unify_schemas([pyarrow.parquet.read_schema(file) for file in files])
    return pyarrow.dataset.dataset(files, schema=schema).to_table()


def of_polars(files):
    schema = {}
    for file in files:
        schema |= polars.read_parquet_schema(file)
    return polars.scan_parquet(files, schema=schema, missing_columns="insert").collect().to_arrow()


def plain(value):
    return value if value is None or isinstance(value, (int, float, str)) else str(value)


def main():
    folder, rows = sys.argv[1], json.loads(sys.argv[2])
    files = glob.glob(f"{folder}/**/*.parquet", recursive=True)
    reads = 0
    for order in itertools.permutations(files):
        for read in (of_duckdb, of_arrow, of_polars):
            found = [{name: plain(value) for name, value in row.items()} for row in read(list(order)).to_pylist()]
            found.sort(key=lambda row: row["id"])
            assert found == rows, (read.__name__, found, rows)
            reads += 1
    print(reads)


if __name__ == "__main__":
    main()
