//! Checks that a contract proposed from the first half of a file lands every value of the second
//! half as its writer meant it.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType as ArrowType;
use chrono::{DateTime, Days, NaiveDate, TimeDelta};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::tests::{infer_from, typed};

/// The value that the writer of a cell had in mind.
#[derive(Debug, Clone, PartialEq)]
enum Meaning {
    Nothing,
    /// A number: its digits, and how many of them stand behind the point.
    Number(i128, u8),
    /// A number of any precision.
    Float(f64),
    Date(NaiveDate),
    /// Microseconds since 1970, on whatever clock.
    Moment(i64),
    Answer(bool),
    Text(String),
}

/// How the cells of a column come about: in the second half of a file as in the first, but later
/// and larger.
#[derive(Debug, Clone, Copy)]
enum Process {
    Serial,
    Amounts { negatives: Negatives, currency: &'static str },
    Grouped { mark: char, decimal: char },
    Decimals { decimal: char },
    Percents,
    Measures,
    Days { format: &'static str },
    Moments { format: &'static str },
    Answers { yes: &'static str, no: &'static str },
    Codes,
    Words,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Negatives {
    None,
    Minus,
    Parentheses,
    Trailing,
}

/// A column: its process, what is written where nothing is, and how often of a hundred, in either
/// half.
#[derive(Debug, Clone)]
struct Column {
    process: Process,
    missing: &'static str,
    gaps: [u64; 2],
}

fn process() -> impl Strategy<Value = Process> {
    let negatives = select(vec![
        Negatives::None,
        Negatives::Minus,
        Negatives::Parentheses,
        Negatives::Trailing,
    ]);
    let currency = select(vec!["", "$", "€", "£"]);
    let days =
        vec!["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d", "%d %b %Y", "%d-%b-%y"];
    let moments = vec![
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S%.3f",
        "%d.%m.%Y %H:%M:%S",
        "%m/%d/%Y %I:%M:%S %p",
    ];
    let answers = vec![("true", "false"), ("yes", "no"), ("Y", "N"), ("TRUE", "FALSE"), ("t", "f")];
    prop_oneof![
        Just(Process::Serial),
        (negatives, currency)
            .prop_map(|(negatives, currency)| Process::Amounts { negatives, currency }),
        select(vec![(',', '.'), ('.', ','), (' ', ','), ('\'', '.'), ('\u{a0}', ',')])
            .prop_map(|(mark, decimal)| Process::Grouped { mark, decimal }),
        select(vec!['.', ',']).prop_map(|decimal| Process::Decimals { decimal }),
        Just(Process::Percents),
        Just(Process::Measures),
        select(days).prop_map(|format| Process::Days { format }),
        select(moments).prop_map(|format| Process::Moments { format }),
        select(answers).prop_map(|(yes, no)| Process::Answers { yes, no }),
        Just(Process::Codes),
        Just(Process::Words),
    ]
}

fn column() -> impl Strategy<Value = Column> {
    let gaps = select(vec![[0, 0], [20, 20], [0, 10], [60, 5]]);
    (process(), select(vec!["", "NA", "null"]), gaps).prop_map(|(process, missing, gaps)| Column {
        process,
        missing,
        gaps,
    })
}

/// Numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// An amount with two digits behind the point.
fn cents(cents: i128, decimal: char) -> String {
    format!("{}{decimal}{:02}", cents / 100, cents % 100)
}

/// The digits of a whole number in groups of three.
fn grouped(number: i128, mark: char) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(mark);
        }
        text.push(digit);
    }
    text
}

impl Process {
    /// The cell of a row, and what it means. `is_later`: it is in the second half.
    fn cell(self, row: u64, is_later: bool, chance: &mut Chance) -> (String, Meaning) {
        let size = if is_later { 10_000_000 } else { 100_000 };
        let number = i128::from(chance.below(size));
        match self {
            Self::Serial => ((row + 1).to_string(), Meaning::Number(i128::from(row + 1), 0)),
            Self::Amounts { negatives, currency } => {
                let text = format!("{currency}{}", cents(number, '.'));
                if negatives == Negatives::None || !row.is_multiple_of(3) || number == 0 {
                    return (text, Meaning::Number(number, 2));
                }
                let text = match negatives {
                    Negatives::Parentheses => format!("({text})"),
                    Negatives::Trailing => format!("{text}-"),
                    _ => format!("-{text}"),
                };
                (text, Meaning::Number(-number, 2))
            }
            Self::Grouped { mark, decimal } => {
                // The first half has groups, and groups of groups.
                let number = number
                    + 100_000
                        * i128::from(chance.below(if is_later { 100_000 } else { 10_000 }) + 1);
                (
                    format!("{}{decimal}{:02}", grouped(number / 100, mark), number % 100),
                    Meaning::Number(number, 2),
                )
            }
            Self::Decimals { decimal } => (cents(number, decimal), Meaning::Number(number, 2)),
            Self::Percents => (
                format!("{}.{}%", number % 1000 / 10, number % 10),
                Meaning::Number(number % 1000, 1),
            ),
            Self::Measures => {
                let number = number as f64 / [1.0, 8.0, 1000.0][chance.below(3) as usize] + 0.125;
                (number.to_string(), Meaning::Float(number))
            }
            Self::Days { format } => {
                let day = NaiveDate::from_ymd_opt(2021, 1, 1).expect("a day") + Days::new(row * 3);
                (day.format(format).to_string(), Meaning::Date(day))
            }
            Self::Moments { format } => {
                let first =
                    DateTime::from_timestamp(1_600_000_000, 0).expect("a moment").naive_utc();
                let moment =
                    first + TimeDelta::seconds(row as i64 * 40_000 + chance.below(40_000) as i64);
                (
                    moment.format(format).to_string(),
                    Meaning::Moment(moment.and_utc().timestamp_micros()),
                )
            }
            Self::Answers { yes, no } => {
                let is_yes = row.is_multiple_of(2);
                (if is_yes { yes } else { no }.to_owned(), Meaning::Answer(is_yes))
            }
            Self::Codes => {
                // Without a zero in front nothing tells that they are not numbers.
                let text = format!("{:05}", number % 10_000);
                (text.clone(), Meaning::Text(text))
            }
            Self::Words => {
                let words = [
                    "Oslo", "Rome", "new york", "a, b", "it's", "5 apples", "x", "Łódź", "NA",
                    "null", "none",
                ];
                let text = words[chance.below(if is_later { 11 } else { 8 }) as usize].to_owned();
                (text.clone(), Meaning::Text(text))
            }
        }
    }
}

/// The lines of a table, and what the cells of each row mean.
fn table(
    columns: &[Column],
    delimiter: char,
    rows: u64,
    seed: u64,
) -> (String, Vec<(String, Vec<Meaning>)>) {
    let mut chance = Chance(seed);
    let quoted = |text: &str| {
        let must = text.contains([delimiter, '"', '\'']);
        if must { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
    };
    // Of eight digits it takes a name to tell that they are days.
    let word = |column: &Column| {
        if matches!(column.process, Process::Days { format: "%Y%m%d" }) { "day_" } else { "field" }
    };
    let names =
        columns.iter().enumerate().map(|(index, column)| format!("{}{index}", word(column)));
    let names: Vec<_> = ["key".to_owned()].into_iter().chain(names).collect();
    let line = |cells: Vec<String>| cells.join(&delimiter.to_string()) + "\n";
    let lines = (0..2 * rows).map(|row| {
        let is_later = row >= rows;
        let mut texts = vec![format!("k{row}")];
        let mut meanings = vec![Meaning::Text(format!("k{row}"))];
        for column in columns {
            let (text, meaning) = column.process.cell(row, is_later, &mut chance);
            // A text has no other word for nothing than nothing.
            let missing = if matches!(meaning, Meaning::Text(_)) { "" } else { column.missing };
            let is_missing = chance.below(100) < column.gaps[usize::from(is_later)];
            let (text, meaning) = if is_missing {
                (missing.to_owned(), Meaning::Nothing)
            } else {
                (quoted(&text), meaning)
            };
            texts.push(text);
            meanings.push(meaning);
        }
        (line(texts), meanings)
    });
    (line(names), lines.collect())
}

/// The value of a row of a column that landed.
fn meaning(array: &ArrayRef, row: usize) -> Meaning {
    if array.is_null(row) {
        return Meaning::Nothing;
    }
    match array.data_type() {
        ArrowType::Int64 => Meaning::Number(array.as_primitive::<Int64Type>().value(row).into(), 0),
        ArrowType::UInt64 => {
            Meaning::Number(array.as_primitive::<UInt64Type>().value(row).into(), 0)
        }
        ArrowType::Decimal128(_, scale) => {
            Meaning::Number(array.as_primitive::<Decimal128Type>().value(row), *scale as u8)
        }
        ArrowType::Float64 => Meaning::Float(array.as_primitive::<Float64Type>().value(row)),
        ArrowType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            Meaning::Date(NaiveDate::default() + TimeDelta::days(days.into()))
        }
        ArrowType::Timestamp(..) => {
            Meaning::Moment(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        ArrowType::Boolean => Meaning::Answer(array.as_boolean().value(row)),
        ArrowType::Utf8 => Meaning::Text(array.as_string::<i32>().value(row).to_owned()),
        other => panic!("{other} is not proposed for any of these"),
    }
}

/// Whether a value is what was meant. Text keeps whatever is written, so it is never another value.
fn is_meant(landed: &Meaning, meant: &Meaning, cell: &str) -> bool {
    match (landed, meant) {
        (Meaning::Number(digits, scale), Meaning::Number(meant, meant_scale)) => {
            *digits * 10_i128.pow((*meant_scale).into()) == *meant * 10_i128.pow((*scale).into())
        }
        (Meaning::Float(landed), Meaning::Number(digits, scale)) => {
            *landed == *digits as f64 / 10_f64.powi((*scale).into())
        }
        (Meaning::Number(digits, scale), Meaning::Float(meant)) => {
            *meant == *digits as f64 / 10_f64.powi((*scale).into())
        }
        (Meaning::Text(landed), _) => landed == cell,
        _ => landed == meant,
    }
}

/// The cells of a line that this test wrote.
fn cells(line: &str, delimiter: char) -> Vec<String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter as u8)
        .has_headers(false)
        .from_reader(line.as_bytes());
    let record = reader.records().next().expect("a record").expect("it is CSV");
    record.iter().map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_proposed_from_the_first_half_lands_the_second(
        columns in vec(column(), 1..5), delimiter in select(vec![',', ';', '\t', '|']), rows in 25u64..120, seed in any::<u64>()
    ) {
        let (header, lines) = table(&columns, delimiter, rows, seed);
        let file = |lines: &[(String, Vec<Meaning>)]| header.clone() + &lines.iter().map(|(line, _)| line.as_str()).collect::<String>();
        let (first, second) = lines.split_at(rows as usize);
        let inferred = infer_from(file(first).as_bytes(), false);
        for lines in [first, second] {
            let source = file(lines);
            let (arrays, refused) = typed(source.as_bytes(), &inferred.yaml);
            prop_assert!(refused.is_empty(), "{columns:?}\n{}\n{refused:?}", inferred.yaml);
            for (row, (line, meant)) in lines.iter().enumerate() {
                let cells = cells(line, delimiter);
                for ((array, meant), cell) in arrays.iter().zip(meant).zip(&cells) {
                    let landed = meaning(array, row);
                    prop_assert!(is_meant(&landed, meant, cell), "{cell:?} is {landed:?}, not {meant:?}\n{}", inferred.yaml);
                }
            }
        }
    }
}
