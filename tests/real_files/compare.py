"""Lands real files, and compares what landed with what Python's csv reads.

    LANDFALL=/path/to/landfall python compare.py FOLDER [--json FILE]

Of each CSV file below FOLDER, `landfall new` proposes a contract, `landfall check` looks at it, and `landfall run`
lands the file. Then each value is compared with the cell that it came from: texts as they are, numbers by their
value, moments by their day. The packages of README.md carry the files; Python needs pyarrow."""
import argparse, collections, csv, datetime, glob, gzip, io, json, os, re, subprocess, sys, tempfile
from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.parquet as pq

LANDFALL = os.path.abspath(os.environ["LANDFALL"])
WORDS = {"", "na", "n/a", "#n/a", "null", "(null)", "none", "nil", "nan", "\\n", "-", "--", "?", ".", "missing"}


def landfall(*args):
    return subprocess.run([LANDFALL, *args], capture_output=True, timeout=120)


def text_of(path):
    data = (gzip.open if path.endswith(".gz") else open)(path, "rb").read()
    return data


def number(cell):
    """A cell as a number, by everything that people write around one; None if it is none."""
    bare = re.sub(r"[\s$€£¥%'_\u00a0\u202f]|(?<=\d),(?=\d{3})", "", cell)
    try: return Decimal(bare)
    except InvalidOperation: return None


def same(cell, value):
    if value is None: return cell.strip().lower() in WORDS
    if isinstance(value, bool): return cell.strip().lower() in (("true", "t", "yes", "y", "1", "on") if value else ("false", "f", "no", "n", "0", "off"))
    if isinstance(value, (int, float, Decimal)):
        read = number(cell.strip())
        if read is None: return str(value).lower() == cell.strip().lower().replace("infinity", "inf")
        return read == value or float(read) == float(value)
    if isinstance(value, (datetime.date, datetime.datetime, datetime.time)):
        digits = set(re.findall(r"\d+", cell))
        parts = [value.year, value.day] if hasattr(value, "year") else [value.minute]
        return any(len(d) >= 8 for d in digits) or all(any(int(d) == p or int(d) == p % 100 for d in digits) for p in parts)
    return value == cell or value == cell.strip(" \t")


def look_at(path, folder):
    """What became of a file: a word, and what is to be said of it."""
    contract, lake = os.path.join(folder, "c.yaml"), os.path.join(folder, "lake")
    new = landfall("new", path, "--name", "t", "--json")
    if new.returncode: return "not proposed", new.stderr.decode(errors="replace").strip()[:200]
    proposed = json.loads(new.stdout)
    with open(contract, "w", encoding="utf-8") as out: out.write(proposed["yaml"])
    check = landfall("check", contract)
    if check.returncode: return "invalid contract", check.stderr.decode(errors="replace").strip()[:200]
    run = landfall("run", contract, path, "--lake", lake, "--json")
    job = json.loads(run.stdout.splitlines()[-1]) if run.stdout.strip() else {}
    if run.returncode: return "not landed", str((job.get("failure") or {}).get("cause") or run.stderr.decode(errors="replace"))[:200]
    counts = job["counts"]
    if counts["rejected"]: return "rejects", f"{counts['rejected']} of {counts['read']}"
    files = sorted(glob.glob(lake + "/t/**/*.parquet", recursive=True))
    table = pa.concat_tables([pq.read_table(f) for f in files]) if files else None
    rows = [tuple(r.values()) for r in table.to_pylist()] if table is not None else []
    said = {e["property"]: e["value"] for e in proposed["evidence"]}
    data = text_of(path)
    try: text = data.decode("utf-8-sig")
    except UnicodeDecodeError: text = data.decode(said.get("encoding", "latin-1"), "replace")
    delimiter = said.get("delimiter", ",")
    delimiter = {"\\t": "\t"}.get(delimiter, delimiter)
    try: cells = [r for r in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if r]
    except (csv.Error, TypeError) as error: return "Python can't read it", str(error)
    skip = int(said.get("skipRows", 0)) + (1 if said.get("header", "true") == "true" else 0)
    cells = cells[skip:]
    if len(cells) != len(rows): return "other records", f"{len(rows)} rows of {len(cells)}"
    for number_of, (row, record) in enumerate(zip(rows, cells)):
        for column, (value, cell) in enumerate(zip(row, record)):
            if not same(cell, value): return "other values", f"record {number_of + 1}, column {column + 1}: {cell!r} is {value!r}"
    return "same", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder"); parser.add_argument("--json")
    args = parser.parse_args()
    paths = sorted(p for e in ("csv", "csv.gz", "tsv") for p in glob.glob(f"{args.folder}/**/*.{e}", recursive=True))
    found, counts = [], collections.Counter()
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            try: word, why = look_at(os.path.abspath(path), folder)
            except Exception as error: word, why = "not compared", f"{type(error).__name__}: {error}"[:200]
        counts[word] += 1
        if word != "same":
            found.append({"file": os.path.relpath(path, args.folder), "what": word, "why": why})
            print(f"{os.path.relpath(path, args.folder)}: {word}: {why}", flush=True)
    print(", ".join(f"{count} {word}" for word, count in counts.most_common()), f"of {len(paths)} files")
    if args.json: json.dump(found, open(args.json, "w"), indent=1)


if __name__ == "__main__": main()
