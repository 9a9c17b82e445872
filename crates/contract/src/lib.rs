//! Turns a document into a contract: what a dataset accepts and becomes.
//!
//! A contract exists only valid. [`Contract::parse`] is the one door: it reads YAML or JSON and
//! reports every fault with
//! its path, line and column in the document, and what would be allowed. Where a text is expected,
//! the characters count
//! that are written: `NO` is no boolean, and `-999.00` no number.

mod afterwards;
mod arrivals;
mod bounds;
pub mod delta;
mod document;
mod drift;
mod format;
mod expect;
mod hold;
mod jobs;
mod join;
mod json_schema;
mod key;
mod labels;
pub mod limits;
mod mask;
mod member;
mod number;
mod names;
mod output;
mod properties;
mod quoted;
pub mod rejects;
mod schedule;
mod schema;
mod texts;
mod transform;
mod tree;
mod types;
pub mod values;

#[cfg(test)]
mod tests;

pub use afterwards::Afterwards;
pub use bounds::{Bound, Constraints};
pub use drift::{Drift, FoundHeader};
pub use expect::Expect;
pub use format::{Codec, Format, Packing, SortKey};
pub use hold::Hold;
pub use join::{Join, Joined, On, Reference, Unmatched};
pub use json_schema::json_schema;
pub use key::{Key, KeyRule};
pub use labels::unique_names;
pub use mask::Mask;
pub use member::Member;
pub use number::{
    Affixes, Group, Grouping, Letters, Negatives, NumberFormat, Percent, SPACES, is_currency,
    is_currency_sign,
};
pub use output::{Mode, NULL_PARTITION, Output, RejectsLimit};
pub use quoted::{is_printable, quoted};
pub use schedule::last_due;
pub use schema::{Field, FieldsMatch, Mapping, Schema};
pub use texts::TextFormat;
pub use transform::{Derived, Masked, Stored, Transform};
pub use types::{BooleanFormat, DataType, IntegerType, NumberType, TimeUnit, physical_name};

use csv_records::dialect::{BlankRows, RaggedRows, RepeatedHeader, StatedDialect, Terminator};
use csv_records::encoding::Encoding;
use job::limits::CONTRACT_BYTES;
use job::{Arrivals, DatasetName, Intake, Schedule};
use row_sql::patterns::Patterns;
use row_sql::{Column, Expression, Flaw, Position};

use document::{Node, ReadExpression, Reading};
use tree::{Document, locate};

/// A valid contract.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The dataset's name.
    pub name: DatasetName,
    /// What is said of the dialect.
    pub dialect: StatedDialect,
    /// What is said of the encoding; `None`: it is sniffed.
    pub encoding: Option<Encoding>,
    /// What is said of the source's compression.
    pub compression: Compression,
    /// Which file of a zip archive is meant.
    pub member: Option<Member>,
    /// The fields.
    pub schema: Schema,
    /// What becomes of the records.
    pub transform: Transform,
    /// How many records may be refused.
    pub rejects_limit: RejectsLimit,
    /// When a job waits for approval before it commits.
    pub hold: Hold,
    /// What becomes of the source once it is landed; `None`: it stays.
    pub afterwards: Option<Afterwards>,
    /// Which files of the inbox are landed together, if it says so.
    pub arrivals: Option<Arrivals>,
    /// The objects that land at set times, if the contract names some.
    pub schedule: Option<Schedule>,
    /// How many jobs run at once; `None`: as many as come.
    pub concurrent_jobs: Option<u32>,
    /// How often a job lands, and how many rows it stores, where the contract says.
    pub expect: Expect,
    /// What is written.
    pub output: Output,
}

/// One fault of a contract.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fault {
    /// Where in the document: `schema.fields[2].constraints.minimum`; empty for the document
    /// itself.
    pub path: String,
    /// The line of the document at which it is, from 1.
    pub line: u32,
    /// The character of the line, from 1. What is missing is told of the object that lacks it.
    pub column: u32,
    /// What is wrong and what would be allowed.
    pub message: String,
}

impl Fault {
    /// A fault of what `text`, a document, says of `key`.
    pub fn of_key(text: &str, key: &str, message: String) -> Self {
        let document = Document::parse(text);
        let found = document.ok().and_then(|(document, _)| {
            let mut reading = Reading::default();
            Node::root(&document).child(key)?.fault(&mut reading, message.clone());
            locate(text, reading.faults).pop()
        });
        found.unwrap_or_else(|| Self { path: key.to_owned(), line: 1, column: 1, message })
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// How the bytes of a source are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// By the first bytes of the source.
    Auto,
    /// Not at all.
    None,
    /// gzip, of one or more members.
    Gzip,
    /// Zstandard, of one or more frames.
    Zstd,
    /// bzip2, of one or more streams.
    Bzip2,
    /// A zip archive of one file.
    Zip,
}

impl Compression {
    /// All that can be stated, with their names.
    pub const CHOICES: [(&'static str, Self); 5] = [
        ("none", Self::None),
        ("gzip", Self::Gzip),
        ("zstd", Self::Zstd),
        ("bzip2", Self::Bzip2),
        ("zip", Self::Zip),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::CHOICES
            .iter()
            .find(|(_, compression)| *compression == self)
            .map_or("auto", |(name, _)| name)
    }
}

impl Contract {
    /// Reads a contract from YAML or JSON. All faults are reported, in the order of the document's
    /// blocks.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        Self::parse_with(text, Box::new(Expression::parse_within))
    }

    /// Reads a contract that was parsed before, when its expressions had these
    /// [types](Self::expression_types). They can't be evaluated. Whoever reads contracts in this way
    /// only links no SQL.
    pub fn parse_settled(text: &str, types: &[String]) -> Result<Self, Vec<Fault>> {
        let types: Vec<_> =
            types.iter().map(|name| name.parse::<arrow_schema::DataType>()).collect();
        let mut types = types.into_iter();
        let settled = move |text: &str, _: &[Column], _: &Patterns| match types.next() {
            Some(Ok(data_type)) => Ok(Expression::of_type(text, data_type)),
            _ => Err(Flaw {
                at: Position { line: 1, column: 1 },
                message: "is not one of those whose types are known".to_owned(),
            }),
        };
        Self::parse_with(text, Box::new(settled))
    }

    fn parse_with(text: &str, expressions: Box<ReadExpression>) -> Result<Self, Vec<Fault>> {
        if text.len() > CONTRACT_BYTES {
            let message =
                format!("the document has {} bytes; at most {CONTRACT_BYTES} are read", text.len());
            return Err(vec![Fault { path: String::new(), line: 1, column: 1, message }]);
        }
        let (document, faults) =
            Document::parse(text).map_err(|found| locate(text, vec![found]))?;
        let mut reading = Reading::after(faults, expressions);
        let contract = Self::read(Node::root(&document), &mut reading);
        match contract {
            Some(contract) if reading.faults.is_empty() => Ok(contract),
            _ => Err(locate(text, reading.faults)),
        }
    }

    /// A document in JSON, where each text is as it is written. `None`: it is none, or JSON has no
    /// such words (`True`, `~`).
    pub fn in_json(text: &str) -> Option<String> {
        Document::parse(text).ok()?.0.in_json()
    }

    /// What those need to know who begin its jobs, and don't read contracts. Where a job replaces what is there, each
    /// file is one: the last that arrives is the table.
    pub fn intake(&self) -> Intake {
        let arrivals = match self.output.mode {
            Mode::Append => self.arrivals.unwrap_or_default(),
            Mode::Overwrite | Mode::OverwritePartitions => Arrivals::ALONE,
        };
        Intake {
            arrivals,
            schedule: self.schedule.clone(),
            every: self.expect.every,
            concurrent: self.concurrent_jobs,
            hashed: self.hashed().map(str::to_owned),
        }
    }

    fn read(node: Node<'_>, reading: &mut Reading) -> Option<Self> {
        let allowed = [
            "name",
            "title",
            "description",
            "dialect",
            "encoding",
            "compression",
            "member",
            "schema",
            "transform",
            "rejects",
            "commit",
            "holdWhen",
            "afterwards",
            "arrivals",
            "schedule",
            "jobs",
            "expect",
            "output",
        ];
        let root = node.object(reading, &allowed)?;
        let name = root.required(reading, "name").and_then(|node| {
            let text = node.text(reading)?;
            DatasetName::parse(text).map_err(|message| node.fault(reading, message)).ok()
        });
        let dialect = root
            .get("dialect")
            .map_or_else(StatedDialect::default, |node| read_dialect(&node, reading));
        let encoding = root.get("encoding").and_then(|node| {
            let label = node.text(reading)?;
            Encoding::parse(label).map_err(|message| node.fault(reading, message)).ok()
        });
        let compression = root.get("compression").map_or(Compression::Auto, |node| {
            node.choice(reading, &Compression::CHOICES).unwrap_or(Compression::Auto)
        });
        let member = root.get("member").and_then(|node| {
            if !matches!(compression, Compression::Auto | Compression::Zip) {
                let name = compression.name();
                node.fault(reading, format!("is not allowed with `compression: {name}`; allowed: with `zip`, or without `compression`"));
            }
            Member::parse(node.text(reading)?).map_err(|message| node.fault(reading, message)).ok()
        });
        let schema = root.required(reading, "schema").and_then(|node| Schema::read(&node, reading));
        let (transform, columns) =
            Transform::read(root.get("transform").as_ref(), schema.as_ref(), reading);
        let rejects_limit = root
            .get("rejects")
            .map_or(RejectsLimit::None, |node| RejectsLimit::read(&node, reading));
        let hold = Hold::read(&root, reading);
        let afterwards = root.get("afterwards").and_then(|node| Afterwards::read(&node, reading));
        let output = match root.get("output") {
            Some(node) => Output::read(
                &node,
                schema.as_ref().map(|_| columns.as_slice()),
                &transform.drop,
                reading,
            ),
            None => Output::default(),
        };
        let arrivals =
            root.get("arrivals").and_then(|node| arrivals::read(&node, output.mode, reading));
        let schedule = root.get("schedule").and_then(|node| schedule::read(&node, reading));
        let concurrent_jobs = root.get("jobs").and_then(|node| jobs::read(&node, reading));
        let expect =
            root.get("expect").map_or_else(Expect::default, |node| Expect::read(&node, reading));
        let contract = Self {
            name: name?,
            dialect,
            encoding,
            compression,
            member,
            schema: schema?,
            transform,
            rejects_limit,
            hold,
            afterwards,
            arrivals,
            schedule,
            concurrent_jobs,
            expect,
            output,
        };
        contract.check_names(&node, reading);
        contract.check_table(&node, reading);
        Some(contract)
    }
}

fn read_dialect(node: &Node<'_>, reading: &mut Reading) -> StatedDialect {
    let mut dialect = StatedDialect::default();
    let allowed = [
        "delimiter",
        "quoteChar",
        "doubleQuote",
        "escapeChar",
        "excelText",
        "lineTerminator",
        "commentChar",
        "skipInitialSpace",
        "trim",
        "header",
        "headerRows",
        "headerJoin",
        "rowNames",
        "unitsRow",
        "repeatedHeader",
        "skipRows",
        "footerRows",
        "nullSequence",
        "blankRows",
        "raggedRows",
    ];
    let Some(node) = node.object(reading, &allowed) else { return dialect };
    dialect.delimiter = node.get("delimiter").and_then(|n| n.token(reading));
    let optional =
        |key: &str, reading: &mut Reading| node.get(key).map(|n| n.token_or_null(reading));
    dialect.quote_char = optional("quoteChar", reading);
    dialect.escape_char = optional("escapeChar", reading);
    dialect.comment_char = optional("commentChar", reading);
    dialect.double_quote = node.get("doubleQuote").and_then(|n| n.boolean(reading));
    dialect.excel_text = node.get("excelText").and_then(|n| n.boolean(reading));
    dialect.row_names = node.get("rowNames").and_then(|n| n.boolean(reading));
    dialect.units_row = node.get("unitsRow").and_then(|n| n.boolean(reading));
    dialect.repeated_header =
        node.get("repeatedHeader").and_then(|n| n.choice(reading, &RepeatedHeader::CHOICES));
    dialect.skip_initial_space = node.get("skipInitialSpace").and_then(|n| n.boolean(reading));
    dialect.trim = node.get("trim").and_then(|n| n.boolean(reading));
    dialect.header = node.get("header").and_then(|n| n.boolean(reading));
    let rows = |key: &str, reading: &mut Reading| {
        node.get(key).and_then(|n| n.count(reading)).map(|n| n.min(u64::from(u32::MAX)) as u32)
    };
    if let Some((skipped, rows)) =
        node.get("headerRows").and_then(|n| read_header_rows(&n, reading))
    {
        (dialect.skip_rows, dialect.header_rows) = (skipped, Some(rows));
        dialect.header = dialect.header.or(Some(true));
    }
    dialect.skip_rows = rows("skipRows", reading).or(dialect.skip_rows);
    dialect.footer_rows = rows("footerRows", reading);
    dialect.header_join = node.get("headerJoin").and_then(|n| n.text(reading)).map(str::to_owned);
    dialect.null_sequence =
        node.get("nullSequence").map(|n| n.text_or_null(reading).map(str::to_owned));
    dialect.blank_rows = node.get("blankRows").and_then(|n| n.choice(reading, &BlankRows::CHOICES));
    dialect.ragged_rows = node.get("raggedRows").map(|n| read_ragged_rows(&n, reading));
    dialect.line_terminator = node.get("lineTerminator").and_then(|n| {
        let choices = [
            ("auto", Terminator::Auto),
            ("\n", Terminator::Lf),
            ("\r\n", Terminator::CrLf),
            ("\r", Terminator::Cr),
            ("lf", Terminator::Lf),
            ("crlf", Terminator::CrLf),
            ("cr", Terminator::Cr),
        ];
        n.choice(reading, &choices)
    });
    dialect
}

/// Reads which rows are the header, from 1: consecutive ones. Answers the rows before them, if
/// there are some, and how many they are.
fn read_header_rows(node: &Node<'_>, reading: &mut Reading) -> Option<(Option<u32>, u32)> {
    let rows: Vec<u64> = node.list(reading).iter().filter_map(|row| row.count(reading)).collect();
    let first = *rows.first()?;
    if first == 0
        || first > u64::from(u32::MAX)
        || rows.iter().zip(first..).any(|(row, expected)| *row != expected)
    {
        node.fault(
            reading,
            "has to be a list of consecutive rows, counted from 1, such as [1, 2]".to_owned(),
        );
        return None;
    }
    Some(((first > 1).then_some(first as u32 - 1), rows.len() as u32))
}

fn read_ragged_rows(node: &Node<'_>, reading: &mut Reading) -> RaggedRows {
    let Some(node) = node.object(reading, &["short", "long", "trailingDelimiter"]) else {
        return RaggedRows::default();
    };
    let mut lenient = |key: &str, word: &'static str| {
        node.get(key)
            .and_then(|n| n.choice(reading, &[("reject", false), (word, true)]))
            .unwrap_or_default()
    };
    RaggedRows {
        fill_short: lenient("short", "fill"),
        cut_long: lenient("long", "cut"),
        ignore_trailing_delimiter: lenient("trailingDelimiter", "ignore"),
    }
}
