"""Writes expressions.jsonl: what DuckDB answers to expressions over a few rows. Run it with a Python that has duckdb."""

import json
import pathlib

import duckdb

# Names, DuckDB's types, and the values of four rows.
COLUMNS = [
    ("i", "INTEGER", [7, -3, 0, None]),
    ("j", "BIGINT", [2, 5, -4, None]),
    ("d", "DECIMAL(12,2)", ["12.50", "-0.05", "1000000.99", None]),
    ("f", "DOUBLE", ["2.5", "-0.125", "1e6", None]),
    ("s", "VARCHAR", ["Hello, wörld", "  a,b,,c  ", "", None]),
    ("t", "VARCHAR", ["12", "-7", "50%", None]),
    ("b", "BOOLEAN", [True, False, True, None]),
    ("day", "DATE", ["2024-02-29", "1969-12-31", "2000-01-01", None]),
    ("ts", "TIMESTAMP", ["2024-02-29 13:45:59.25", "1969-12-31 23:59:59", "2000-01-03 00:00:00", None]),
]
EXPRESSIONS = """
i + j
i - 1
i * j
i / j
i // j
i % j
-i
+j
i + d
d + 1.5
d * 1.5
d - d
d * d
d % 7
-d
d / 4
f * 2
f + d
f % 2
i = 7
i <> 7
i < j
i <= 0
i > d
i >= f
d = 12.5
s = 'Hello, wörld'
s < 'a'
f = 2.5
b AND i > 0
b OR i > 0
NOT b
NOT (i > 0)
NULL IS NULL
i IS NULL
i IS NOT NULL
b IS TRUE
b IS NOT TRUE
b IS FALSE
b IS NOT FALSE
i IS DISTINCT FROM 7
i IS NOT DISTINCT FROM NULL
i BETWEEN -3 AND 0
i NOT BETWEEN 1 AND 9
i IN (7, 0)
i IN (7, NULL)
i NOT IN (7, 8)
s IN ('', 'x')
CASE WHEN i > 0 THEN 'up' WHEN i < 0 THEN 'down' END
CASE i WHEN 7 THEN 1 WHEN 0 THEN 2.5 ELSE d END
CASE WHEN j <> 0 THEN i % j ELSE 0 END
coalesce(i, j, 1)
coalesce(d, 0)
ifnull(s, '?')
nullif(i, 7)
nullif(s, '')
greatest(i, j, 1)
least(i, d)
s LIKE 'H%w_rld'
s NOT LIKE '%a%'
s ILIKE 'hELLO%'
t LIKE '%!%' ESCAPE '!'
s SIMILAR TO 'Hello.*'
t SIMILAR TO '[0-9]+'
regexp_matches(s, 'l+')
regexp_extract(s, '([a-z]+), (.)', 2)
CAST(i AS VARCHAR)
CAST(d AS VARCHAR)
CAST(day AS VARCHAR)
CAST(ts AS VARCHAR)
CAST(b AS VARCHAR)
CAST(f AS INTEGER)
CAST(d AS INTEGER)
CAST(d AS DECIMAL(12,1))
CAST(d AS DOUBLE)
CAST(i AS DECIMAL(5,2))
CAST(i AS BOOLEAN)
CAST(b AS INTEGER)
CAST(ts AS DATE)
CAST(day AS TIMESTAMP)
TRY_CAST(t AS INTEGER)
TRY_CAST(t AS DECIMAL(4,1))
TRY_CAST(s AS DATE)
i::VARCHAR || '!'
' 12 '::INTEGER + i
'1.25'::DECIMAL(3,1) + d
s || t
s || i
concat(s, '-', i)
lower(s)
upper(t)
trim(s)
ltrim(s)
rtrim(s)
trim(s, ' Hac')
trim(LEADING 'H' FROM s)
length(s)
position('l' IN s)
strpos(s, 'ö')
substring(s, 2)
substring(s, 2, 3)
substring(s, 0, 3)
substring(s, -3, 2)
substring(s, 3, -2)
substring(s FROM 2 FOR 4)
left(s, 3)
left(s, -3)
right(s, 3)
right(s, -3)
replace(s, 'l', 'LL')
replace(s, '', 'x')
split_part(s, ',', 1)
split_part(s, ',', 2)
split_part(s, ',', -1)
split_part(s, ',', 9)
split_part(s, '', 2)
starts_with(s, 'Hell')
ends_with(s, '  ')
contains(s, ',')
sha256(s)
abs(i)
abs(d)
abs(f)
round(f)
round(d)
round(d, 1)
round(f, 2)
round(d, -1)
round(i, -1)
floor(f)
floor(d)
ceil(f)
ceil(d)
ceiling(d)
year(day)
quarter(day)
month(ts)
week(day)
day(day)
dayofyear(day)
dayofweek(day)
isodow(day)
hour(ts)
minute(ts)
second(ts)
epoch_ms(j * 1000000007)
epoch_ms(ts)
epoch_us(ts)
epoch_ms(make_timestamp_ms(j * 1234567891))
make_timestamp(j * 1234567891234)
make_timestamp(2000 + i, 1 + abs(i), 2, 3, 4, 5.25)
make_date(2000 + i, 1 + abs(i), 28)
epoch(to_timestamp(f))
epoch(to_timestamp(d))
epoch(to_timestamp(j * 1000000007))
epoch(ts)
epoch(day)
extract(year FROM ts)
extract(dow FROM ts)
date_part('month', day)
date_trunc('year', ts)
date_trunc('quarter', ts)
date_trunc('month', day)
date_trunc('week', ts)
date_trunc('day', ts)
date_trunc('hour', ts)
date_trunc('minute', ts)
date_trunc('second', ts)
date_diff('day', day, DATE '2024-03-01')
date_diff('month', day, ts)
date_diff('year', day, DATE '2024-03-01')
date_diff('quarter', ts, TIMESTAMP '2024-03-04 00:00:00')
date_diff('hour', ts, TIMESTAMP '2024-03-01 00:00:00')
day + 1
day - i
day - DATE '2000-01-01'
day + INTERVAL 1 MONTH
ts + INTERVAL '2' DAY
ts - INTERVAL '1 year'
ts + INTERVAL 90 MINUTE
day > '2000-01-01'
ts >= DATE '2000-01-01'
ts < '2024-02-29 13:45:59.25'
s || i + 1
i * j || t
-i * j
-i % j
- i::BIGINT + j
i - j - 1
i // j // 2
i % j * 2
i + -j
NOT b = false
NOT b OR b
b OR b AND NOT b
b = i IN (7, 0)
b = s LIKE 'H%'
i IN (7) = b
i + j IN (9, 2)
i BETWEEN 0 AND 9 = b
i + 1 BETWEEN j - 1 AND j * 4 AND b
i IS NULL = b
i = j IS NOT NULL
NOT i IS NULL
NOT i NOT IN (7, 0)
b IS DISTINCT FROM i = j
i IS NOT DISTINCT FROM j
i IS NOT NULL IS TRUE
i NOT NULL
i NOTNULL
i ISNULL
i == 7
i != 7
s LIKE 'H' || '%' IS TRUE
t LIKE '%!%' ESCAPE '!' AND b
/* a /* comment */ in it */ i + /* 1 */ 2
1_000 + i
5. + .5 * d
i::VARCHAR::DOUBLE
INTERVAL '3' DAY + day
ts < TIMESTAMP WITH TIME ZONE '2000-01-01 00:00:00+00' AT TIME ZONE 'UTC' + INTERVAL 1 DAY
CASE i WHEN 7 THEN 'a' WHEN -3 THEN 'b' END
CASE WHEN CASE WHEN b THEN i END > 0 THEN 1 ELSE 2 END
"i" + "j"
position('l' IN s || 'l')
substring(s FROM 2 FOR 3)
substring(s FOR 3)
trim(BOTH ' ' FROM s)
trim(LEADING FROM s)
trim(TRAILING '%' FROM t)
extract('year' FROM ts)
'it''s ' || s
""".strip().splitlines()


def main():
    connection = duckdb.connect()
    connection.execute("CREATE TABLE rows (" + ", ".join(f'"{name}" {kind}' for name, kind, _ in COLUMNS) + ")")
    marks = ", ".join(f"?::{kind}" for _, kind, _ in COLUMNS)
    for row in zip(*(values for _, _, values in COLUMNS)):
        connection.execute(f"INSERT INTO rows VALUES ({marks})", row)
    lines = [{"columns": [{"name": name, "type": kind, "values": values} for name, kind, values in COLUMNS]}]
    for expression in EXPRESSIONS:
        kind = connection.execute(f"SELECT typeof({expression}) FROM rows").fetchone()[0]
        answers = [answer for (answer,) in connection.execute(f"SELECT ({expression})::VARCHAR FROM rows").fetchall()]
        lines.append({"sql": expression, "type": kind, "answers": answers})
    out = pathlib.Path(__file__).with_name("expressions.jsonl")
    out.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


main()
