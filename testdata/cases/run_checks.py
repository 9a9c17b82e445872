#!/usr/bin/env python3
"""Runs the checks of the cases, one after the other, and prints what each says.

    LANDFALL=/path/to/landfall python run_checks.py [--json FILE] [CASE …]

Python needs duckdb, pyarrow and polars. The exit code is 1 if any is wrong."""
import argparse, json, os, shutil, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
SAYS = {0: "right", 1: "wrong", 2: "needs a name"}


def check(case):
    start = time.monotonic()
    p = subprocess.run([sys.executable, "-B", f"{HERE}/{case}/check.py"], capture_output=True, text=True, timeout=1200)
    said = (p.stdout.strip() or p.stderr.strip()).splitlines()
    return {"case": case, "outcome": SAYS.get(p.returncode, "wrong"), "says": said[-1] if said else "", "seconds": round(time.monotonic() - start, 1)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("cases", nargs="*", help="names of folders")
    given = parser.parse_args()
    landfall = os.environ.get("LANDFALL", "")
    if not (os.path.isfile(landfall) or shutil.which(landfall)): parser.error("LANDFALL is to be the path of the binary" + (f", and there is no {landfall}" if landfall else ""))
    done = []
    for case in sorted((c for c in os.listdir(HERE) if os.path.isfile(f"{HERE}/{c}/check.py"))):
        if given.cases and case not in [os.path.basename(c.rstrip("/")) for c in given.cases]: continue
        done.append(check(case))
        print(f"{case:36} {done[-1]['outcome']:13} {done[-1]['says'][:170]}", flush=True)
    if given.json: json.dump(done, open(given.json, "w", encoding="utf-8"), indent=1, ensure_ascii=False)
    count = {v: sum(d["outcome"] == v for d in done) for v in SAYS.values()}
    print(f"{count['right']} right, {count['wrong']} wrong, {count['needs a name']} need a name")
    return 1 if count["wrong"] else 0


sys.exit(main())
