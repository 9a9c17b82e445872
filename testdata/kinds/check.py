"""Lands every file of this folder with the contract beside it, or else with the one that `landfall new` proposes, and
compares what landed with `expected.json`.

LANDFALL names the program. `expected.json` has the `rows` of a file (moments in ISO 8601, numbers with a fraction as
text), the lines of its `rejected` records, or a part of the message with which the file or its contract is `refused`.
`sample` is how many bytes of the file `landfall new` looks at. Prints how many files are right."""
import datetime
import decimal
import glob
import json
import os
import subprocess
import sys
import tempfile

import pyarrow.parquet

HERE = os.path.dirname(os.path.abspath(__file__))


def landfall(*arguments):
    return subprocess.run([os.environ["LANDFALL"], *arguments], capture_output=True, text=True)


def plain(value):
    if isinstance(value, (float, decimal.Decimal)):
        return format(decimal.Decimal(str(value)).normalize(), "f")
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value


def contract_of(path, sample):
    written = os.path.splitext(path)[0] + ".yaml"
    if os.path.exists(written):
        with open(written, encoding="utf-8") as file:
            return file.read()
    proposed = landfall("new", path, *(["--sample", sample] if sample else []))
    if proposed.returncode != 0:
        raise Refused(proposed.stderr)
    return proposed.stdout


class Refused(Exception):
    """The message with which a file or a contract was refused."""


def found(path, sample):
    try:
        text = contract_of(path, sample)
    except Refused as refused:
        return {"refused": str(refused)}
    with tempfile.TemporaryDirectory() as folder:
        contract, lake = os.path.join(folder, "contract.yaml"), os.path.join(folder, "lake")
        with open(contract, "w", encoding="utf-8") as file:
            file.write(text)
        landed = landfall("run", contract, path, "--lake", lake, "--json")
        errors = []
        for path in glob.glob(f"{lake}/**/errors.jsonl", recursive=True):
            with open(path, encoding="utf-8") as file:
                errors += [json.loads(line) for line in file]
        if landed.returncode != 0:
            return {"refused": "\n".join([landed.stderr, *(error["message"] for error in errors)])}
        rows = []
        for file in sorted(glob.glob(f"{lake}/*/**/*.parquet", recursive=True)):
            rows += [{name: plain(value) for name, value in row.items()} for row in pyarrow.parquet.read_table(file).to_pylist()]
        outcome = {"rows": rows}
        if errors:
            outcome["rejected"] = sorted({error["line"] for error in errors})
        return outcome


def is_right(expected, found):
    if "refused" in expected:
        return expected["refused"] in found.get("refused", "")
    return found == expected


def main():
    with open(os.path.join(HERE, "expected.json"), encoding="utf-8") as file:
        expected = json.load(file)
    there = {os.path.relpath(path, HERE) for path in glob.glob(f"{HERE}/*/*") if not path.endswith(".yaml")}
    assert there == set(expected), there ^ set(expected)
    wrong = 0
    for name in sorted(expected):
        outcome = found(os.path.join(HERE, name), expected[name].pop("sample", None))
        if not is_right(expected[name], outcome):
            wrong += 1
            print(f"{name}: {json.dumps(outcome, ensure_ascii=False)}\n    and not {json.dumps(expected[name], ensure_ascii=False)}", file=sys.stderr)
    print(len(expected) - wrong)
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
