"""CSV to typed Parquet, Landfall beside its peers: peers.py LANDFALL FOLDER OUT [--runs N] [--only lineitem|messy|clean] [--works plain,...] [--codecs zstd,...] [--threads 1,2].

FOLDER holds lineitem.csv, messy.csv and clean.csv, which is as messy but has no bad record. Each engine runs in a process of its own on so many processors as it has threads, the engines in turn, and medians are
told: MB (1e6) of CSV a CPU second (user and system), wall time, peak memory, bytes written. Works are `plain`, `filter` (rows by a condition, and a derived
column) and `partitioned` (Hive folders by seven values). What was written is read back by PyArrow: rows and sums must be those of the other engines, or of what
the generator tells."""

import argparse
import glob
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = {
    "lineitem": {
        "columns": [("l_orderkey", "int64"), ("l_partkey", "int64"), ("l_suppkey", "int64"), ("l_linenumber", "int32"), ("l_quantity", "decimal(15,2)"),
                    ("l_extendedprice", "decimal(15,2)"), ("l_discount", "decimal(15,2)"), ("l_tax", "decimal(15,2)"), ("l_returnflag", "text"),
                    ("l_linestatus", "text"), ("l_shipdate", "date"), ("l_commitdate", "date"), ("l_receiptdate", "date"), ("l_shipinstruct", "text"),
                    ("l_shipmode", "text"), ("l_comment", "text")],
        "sums": ["l_orderkey", "l_quantity", "l_extendedprice", "l_tax"], "required": [], "engines": ["landfall", "duckdb", "polars", "pyarrow"],
        "where": "l_quantity >= 5", "derived": ("revenue", "l_extendedprice * (1 - l_discount)"), "partition": "l_shipmode",
    },
    "messy": {
        "columns": [("order_id", "int64"), ("customer", "text"), ("email", "text"), ("order_date", "date"), ("qty", "int32"),
                    ("unit_price", "decimal(12,2)"), ("discount", "float64"), ("note", "text"), ("country", "text"), ("paid", "bool"),
                    ("updated_at", "timestamp")],
        # PyArrow can't go on after a value that is not of its type; Polars makes it null and keeps no list.
        "sums": ["qty", "unit_price"], "required": ["order_id", "order_date", "qty", "unit_price", "country"], "engines": ["landfall", "duckdb", "polars"],
    },
}
FILES["clean"] = dict(FILES["messy"], required=[], engines=["landfall", "duckdb", "polars", "pyarrow"], contract="messy")


def digits(kind):
    return tuple(int(number) for number in kind[8:-1].split(","))


def duckdb_writes(file, csv, out, codec, work, threads):
    import duckdb
    names = {"int32": "INTEGER", "int64": "BIGINT", "float64": "DOUBLE", "date": "DATE", "timestamp": "TIMESTAMP", "bool": "BOOLEAN", "text": "VARCHAR"}
    columns = ", ".join(f"'{name}': '{names.get(kind, kind)}'" for name, kind in file["columns"])
    rejects = ", store_rejects = true, rejects_limit = 0, new_line = '\\n'" if file["required"] else ""
    conditions = [f"{name} IS NOT NULL" for name in file["required"]] + ([file["where"]] if work == "filter" else [])
    where = " WHERE " + " AND ".join(conditions) if conditions else ""
    what = "*, {1} AS {0}".format(*file["derived"]) if work == "filter" else "*"
    layout = f", PARTITION_BY ({file['partition']})" if work == "partitioned" else ""
    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    source = f"read_csv('{csv}', header = true, delim = ',', quote = '\"', escape = '\"', auto_detect = false, columns = {{{columns}}}{rejects})"
    connection.execute(f"COPY (SELECT {what} FROM {source}{where}) TO '{out}' (FORMAT parquet, COMPRESSION {codec}{layout})")
    if file["required"]:
        connection.execute(f"COPY (SELECT line, column_name, error_type, error_message, csv_line FROM reject_errors) TO '{out}.rejects.csv'")


def polars_writes(file, csv, out, codec, work, threads):
    import polars
    names = {"int32": polars.Int32, "int64": polars.Int64, "float64": polars.Float64, "date": polars.Date, "timestamp": polars.Datetime("us"),
             "bool": polars.Boolean, "text": polars.String}
    schema = {name: names[kind] if kind in names else polars.Decimal(*digits(kind)) for name, kind in file["columns"]}
    lenient = {"ignore_errors": True, "truncate_ragged_lines": True} if file["required"] else {}
    frame = polars.scan_csv(csv, has_header=True, schema=schema, **lenient)
    for name in file["required"]:
        frame = frame.filter(polars.col(name).is_not_null())
    if work == "filter":
        name, formula = file["derived"]
        frame = frame.filter(polars.sql_expr(file["where"])).with_columns(polars.sql_expr(formula).alias(name))
    if work == "partitioned":
        frame.sink_parquet(polars.PartitionBy(out, key=file["partition"]), compression=codec, mkdir=True)
    else:
        frame.sink_parquet(out, compression=codec)


def pyarrow_writes(file, csv, out, codec, work, threads):
    import pyarrow
    import pyarrow.compute as compute
    import pyarrow.csv
    import pyarrow.dataset as dataset
    import pyarrow.parquet
    names = {"int32": pyarrow.int32(), "int64": pyarrow.int64(), "float64": pyarrow.float64(), "date": pyarrow.date32(), "timestamp": pyarrow.timestamp("us"),
             "bool": pyarrow.bool_(), "text": pyarrow.string()}
    types = {name: names[kind] if kind in names else pyarrow.decimal128(*digits(kind)) for name, kind in file["columns"]}
    # `write_dataset` waits for ever with one thread: the affinity holds it to one processor.
    pyarrow.set_cpu_count(max(2, threads) if work == "partitioned" else threads)
    options = pyarrow.csv.ConvertOptions(column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""])
    reader = pyarrow.csv.open_csv(csv, read_options=pyarrow.csv.ReadOptions(use_threads=threads > 1), convert_options=options,
                                  parse_options=pyarrow.csv.ParseOptions(newlines_in_values="where" not in file))
    if work == "partitioned":
        layout = dataset.partitioning(pyarrow.schema([reader.schema.field(file["partition"])]), flavor="hive")
        how = dataset.ParquetFileFormat().make_write_options(compression=codec)
        dataset.write_dataset(reader, out, format="parquet", partitioning=layout, file_options=how, use_threads=threads > 1,
                              min_rows_per_group=122_880, max_rows_per_group=1 << 20)
        return

    def worked(batch):
        if work == "plain":
            return batch
        number = lambda text, like: pyarrow.scalar(Decimal(text), batch[like].type)
        batch = batch.filter(compute.greater_equal(batch["l_quantity"], number("5.00", "l_quantity")))
        revenue = compute.multiply(batch["l_extendedprice"], compute.subtract(number("1.00", "l_discount"), batch["l_discount"]))
        return batch.append_column(file["derived"][0], revenue)

    writer, waiting, rows = None, [], 0

    def flush():
        nonlocal writer, waiting, rows
        table = pyarrow.Table.from_batches(waiting)
        writer = writer or pyarrow.parquet.ParquetWriter(out, table.schema, compression=codec)
        writer.write_table(table)
        waiting, rows = [], 0

    for batch in reader:
        waiting.append(worked(batch))
        rows += waiting[-1].num_rows
        if rows >= 122_880:
            flush()
    if waiting:
        flush()
    writer.close()


def command(options, engine, name, csv, out, codec, work, threads):
    if engine != "landfall":
        return [sys.executable, os.path.abspath(__file__), "--write", engine, name, csv, out, codec, work, str(threads)]
    file = FILES[name]
    with open(os.path.join(HERE, file.get("contract", name) + ".yaml")) as contract:
        text = contract.read().replace("compression: zstd", f"compression: {codec}")
    if work == "filter":
        text += 'transform: {{ where: "{0}", derive: [{{ name: {1}, sql: "{2}" }}] }}\n'.format(file["where"], *file["derived"])
    if work == "partitioned":
        text = text.replace("output: {", f"output: {{ partitionBy: [{file['partition']}],")
    with open(out + ".yaml", "w") as contract:
        contract.write(text)
    return [options.landfall, "run", out + ".yaml", csv, "--lake", out, "--threads", str(threads)]


def measure(words, threads):
    start = time.monotonic()
    environment = dict(os.environ, POLARS_MAX_THREADS=str(threads))
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(words, stdout=said, stderr=said, preexec_fn=lambda: os.sched_setaffinity(0, range(threads)), env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            raise SystemExit(f"{said.read().decode(errors='replace')}\n{' '.join(words)}: exit {process.returncode}")
    return {"wall": time.monotonic() - start, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss / 1024}


def look(out, sums):
    import pyarrow.compute
    import pyarrow.parquet
    paths = [out] if os.path.isfile(out) else glob.glob(out + "/**/*.parquet", recursive=True)
    rows, totals = 0, {name: Decimal(0) for name in sums}
    for path in paths:
        file = pyarrow.parquet.ParquetFile(path)
        rows += file.metadata.num_rows
        for group in range(file.metadata.num_row_groups):
            table = file.read_row_group(group, columns=sums)
            for name in sums:
                column = table[name]
                if pyarrow.types.is_decimal(column.type):
                    column = column.cast(pyarrow.decimal128(38, column.type.scale))
                totals[name] += Decimal(str(pyarrow.compute.sum(column).as_py() or 0))
    return rows, totals, sum(os.path.getsize(path) for path in paths)


def looked(out, sums):
    """What `look` finds, in a process of its own: the engines' peak memory begins at that of the process that starts them."""
    answer = subprocess.run([sys.executable, os.path.abspath(__file__), "--look", out, *sums], check=True, capture_output=True, text=True)
    rows, totals, size = json.loads(answer.stdout)
    return rows, {name: Decimal(total) for name, total in totals.items()}, size


def clear(out):
    shutil.rmtree(out) if os.path.isdir(out) else os.path.exists(out) and os.unlink(out)


def compare(options, name, work, codec, threads):
    file, csv = FILES[name], os.path.join(options.folder, f"{name}.csv")
    sums = file["sums"] + ([file["derived"][0]] if work == "filter" else [])
    megabytes = os.path.getsize(csv) / 1e6
    with open(csv, "rb") as source:
        while source.read(1 << 24):
            pass
    runs, found = {engine: [] for engine in file["engines"]}, {}
    for _ in range(options.runs):
        for engine in file["engines"]:
            out = os.path.join(options.out, f"{engine}-{name}-{work}-{codec}.parquet")
            clear(out)
            runs[engine].append(measure(command(options, engine, name, csv, out, codec, work, threads), threads))
            found[engine] = found.get(engine) or looked(out, sums)
            clear(out)
    truth = found["duckdb"][:2]
    if os.path.exists(csv + ".json"):
        with open(csv + ".json") as told:
            told = json.load(told)
        truth = (told["rows"], {key: Decimal(str(value)) for key, value in told["sums"].items()})
    median = lambda engine, what: statistics.median(run[what] for run in runs[engine])
    speed = {engine: megabytes / median(engine, "cpu") for engine in runs}
    best = max(value for engine, value in speed.items() if engine != "landfall")
    of_threads = "one thread" if threads == 1 else f"{threads} threads"
    print(f"\n{name}.csv, {megabytes:,.0f} MB, {truth[0]:,} rows to be stored, {work}, {codec}, {of_threads}, medians of {options.runs}\n")
    print("| engine | MB a CPU second | of the best peer | wall s | peak MB | written MB | rows and sums |\n|---|---|---|---|---|---|---|")
    for engine in runs:
        rows, totals, size = found[engine]
        right = "right" if (rows, totals) == truth else f"{rows - truth[0]:+,} rows" if rows != truth[0] else "other sums"
        print(f"| {engine} | {speed[engine]:.0f} | {speed[engine] / best:.2f} | {median(engine, 'wall'):.2f} | {median(engine, 'memory'):.0f} "
              f"| {size / 1e6:.1f} | {right} |", flush=True)
    if found["landfall"][:2] != truth:
        raise SystemExit("what Landfall wrote is wrong")


def main():
    if sys.argv[1:2] == ["--write"]:
        engine, name, csv, out, codec, work, threads = sys.argv[2:]
        return globals()[f"{engine}_writes"](FILES[name], csv, out, codec, work, int(threads))
    if sys.argv[1:2] == ["--look"]:
        rows, totals, size = look(sys.argv[2], sys.argv[3:])
        return print(json.dumps([rows, {name: str(total) for name, total in totals.items()}, size]))
    listed = lambda text: text.split(",")
    parser = argparse.ArgumentParser()
    parser.add_argument("landfall")
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=list(FILES))
    parser.add_argument("--works", type=listed, default=["plain", "filter", "partitioned"])
    parser.add_argument("--codecs", type=listed, default=["zstd", "snappy"])
    parser.add_argument("--threads", type=listed, default=["1", "2"])
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    for name in [options.only] if options.only else FILES:
        for work in options.works:
            if work == "plain" or "where" in FILES[name]:
                for codec in options.codecs:
                    for threads in options.threads:
                        compare(options, name, work, codec, int(threads))


main()
