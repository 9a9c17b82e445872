//! Runs `landfall rows`: shows how a file is read, for people and for tests.

mod dialect;
mod print;
pub(crate) mod source;

use std::io;
use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use contract::Compression;
use csv_records::encoding::Encoding;
use landing::opening::Stated;

use crate::exit::{Exit, examples};
use crate::size::parse_bytes;
use crate::{complain, note};
use print::Printer;
use source::{Source, Unreadable};

const EXAMPLES: &[&str] = &[
    "landfall rows flights.csv | head",
    r"landfall rows --delimiter '\t' --quote none --positions genes.tsv",
    "landfall rows --sniff unknown.csv",
    "landfall rows --shard-size 7kB flights.csv    # the same rows, read in pieces",
];

/// Print the records of a CSV file as JSON arrays, one a line, and what is wrong with the others on
/// stderr.
///
/// A record is at fault when it has not as many fields as the first, a quote out of place, or
/// invalid bytes; then it is not printed, and each of its faults is a JSON object {line, record,
/// byte, column, error, message} on stderr. Lines, records and columns count from 1, bytes from 0;
/// the header is record 0.
#[derive(Args)]
#[command(after_help = examples(EXAMPLES, "0 clean · 1 records are at fault · 2 wrong use · 3 the file can't be read"))]
pub(crate) struct ReadRows {
    /// The file; `-` is standard input.
    file: PathBuf,
    /// Read the file in shards of so many bytes, as a job would; what is printed is the same. Such
    /// as 7kB, 1MiB.
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    shard_size: Option<u64>,
    /// What its bytes stand for: a label such as utf-8, utf-16le, windows-1252 or shift_jis.
    /// Without it, the first bytes tell.
    #[arg(long, value_name = "LABEL")]
    encoding: Option<String>,
    /// How it is packed. Without it, the first bytes tell. Positions are of the unpacked bytes, and
    /// a packed file is never split.
    #[arg(long, value_name = "KIND", value_parser = compressions())]
    compression: Option<Compression>,
    /// Guess from the first bytes what no flag says of the dialect, instead of taking defaults.
    #[arg(long)]
    sniff: bool,
    /// Print objects {line, record, byte, fields}.
    #[arg(long)]
    positions: bool,
    #[command(flatten)]
    dialect: dialect::DialectArgs,
}

impl ReadRows {
    pub(crate) fn run(self) -> Exit {
        let dialect = match self.dialect.settle(self.sniff) {
            Ok(dialect) => dialect,
            Err(message) => {
                complain(message);
                return Exit::WrongUse;
            }
        };
        let name = self.file.display();
        let encoding = match self.encoding.as_deref().map(Encoding::parse).transpose() {
            Ok(encoding) => encoding,
            Err(message) => {
                complain(message);
                return Exit::Infrastructure;
            }
        };
        let stated = Stated {
            name: &name.to_string(),
            compression: self.compression.unwrap_or(Compression::Auto),
            encoding,
            dialect: &dialect,
            schema: None,
        };
        let mut printer = Printer::new(self.positions, io::stdout().lock(), io::stderr().lock());
        let read = Source::open(&self.file, &stated, self.shard_size).and_then(|source| {
            if let Some(guess) = source.opening().guessed_encoding() {
                note(guess);
            }
            printer.expect(source.dialect(), source.columns(), &source.opening().header.names);
            printer.header(source.header_batch())?;
            source.read(&mut |batch, base| printer.data(batch, base))
        });
        let flushed = printer.flush();
        let faulty = if printer.has_faults() { Exit::Refused } else { Exit::Landed };
        drop(printer);
        match read.and_then(|()| flushed.map_err(Unreadable::Output)) {
            Ok(()) => faulty,
            // Whoever reads has read enough.
            Err(Unreadable::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => faulty,
            Err(Unreadable::NotSplittable) => {
                complain(format_args!("{name} is no regular file, so it can't be read in shards"));
                Exit::WrongUse
            }
            // These name the file themselves.
            Err(error @ (Unreadable::Refused(_) | Unreadable::Archive(_))) => {
                complain(error);
                Exit::Infrastructure
            }
            Err(error) => {
                complain(format_args!("{name}: {error}"));
                Exit::Infrastructure
            }
        }
    }
}

fn compressions() -> impl clap::builder::TypedValueParser<Value = Compression> {
    let of = |name: String| {
        Compression::CHOICES
            .into_iter()
            .find(|(choice, _)| *choice == name)
            .map_or(Compression::Auto, |(_, kind)| kind)
    };
    PossibleValuesParser::new(Compression::CHOICES.map(|(name, _)| name)).map(of)
}
