//! What a source turns out to be by its beginning: how it is packed, what its bytes stand for, how
//! records are told apart, and its header.

use contract::FoundHeader;
use contract::Member;
use contract::limits::COLUMNS;
use contract::{Compression, Schema};
use csv_records::dialect::{Dialect, StatedDialect, Terminator};
use csv_records::encoding::{self, Encoding, Guess, Units};
use csv_records::line_counter::LineCounter;
use csv_records::{Header, Limits, footer_start, preamble};
use job::{Error, ErrorKind};
use memchr::memmem;

use crate::evidence::Evidence;
use crate::formats;
use crate::sniff::{self, Sniffed};
use crate::unpack::{self, Unpack};

/// Bytes at the end of a source in which a footer is looked for.
pub const FOOTER_SAMPLE_BYTES: usize = 64 * 1024;

/// What is said of a source. What is left out is sniffed.
#[derive(Debug, Clone)]
pub struct Stated<'a> {
    /// How the source is called, for people.
    pub name: &'a str,
    /// How it is packed.
    pub compression: Compression,
    /// Its encoding.
    pub encoding: Option<Encoding>,
    /// Its dialect.
    pub dialect: &'a StatedDialect,
    /// The fields that a contract says it has.
    pub schema: Option<&'a Schema>,
}

/// The beginning of a source, understood.
#[derive(Debug, Clone)]
pub struct Opening {
    /// How the source is packed: never `auto`.
    pub compression: Compression,
    /// How records and fields are told apart, and the encoding.
    pub dialect: Dialect,
    /// The header, and where the data starts. Positions are of the unpacked bytes.
    pub header: Header,
    /// The reason for each guess.
    pub evidence: Vec<Evidence>,
    /// The first bytes, unpacked, without the footer if they reach up to it.
    pub text: Vec<u8>,
    /// They are all, but for the footer.
    pub is_whole: bool,
    /// There is nothing in the source, or nothing but a byte order mark and blank lines.
    pub is_empty: bool,
}

/// The line that says which encoding was guessed from the look of the text:
/// `encoding windows-1252, guessed: …`.
pub fn said_of_guess(dialect: &Dialect, evidence: &[Evidence]) -> Option<String> {
    let because = evidence
        .iter()
        .find(|evidence| evidence.property == "encoding")
        .map(|evidence| evidence.because.as_str());
    dialect
        .encoding_is_guess
        .then(|| format!("encoding {}, guessed: {}", dialect.encoding, because.unwrap_or_default()))
}

impl Stated<'_> {
    /// Whether the dialect is said, and there is no header that would tell: then any text is what
    /// it says.
    fn is_said(&self) -> bool {
        let StatedDialect { delimiter, quote_char, header, .. } = self.dialect;
        *header == Some(false) && delimiter.is_some() && quote_char.is_some()
    }

    /// Whether a header names fields of the contract.
    fn knows(&self, names: &[String]) -> bool {
        self.schema.is_some_and(|schema| names.iter().any(|name| schema.position(name).is_some()))
    }
}

impl Opening {
    /// Understands the first bytes of a source, of which at most `most_text` are looked at once
    /// they are unpacked. `None`: the header does not end in them; more of both are wanted.
    /// `end_of_source`: no bytes come after `bytes`.
    ///
    /// A byte order mark tells the encoding whatever is stated, as it does everywhere else on the
    /// web; it is put down as evidence.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SourceCorrupt`]: the source is something else, or damaged.
    /// [`ErrorKind::ContractInvalid`]: the dialect can't be read in the encoding.
    /// [`ErrorKind::LimitExceeded`].
    pub fn read(
        stated: &Stated<'_>,
        limits: Limits,
        bytes: &[u8],
        end_of_source: bool,
        most_text: usize,
    ) -> Result<Option<Self>, Error> {
        Self::read_member(stated, None, limits, bytes, end_of_source, most_text)
    }

    /// The same; of a zip archive the file that `member` matches.
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn read_member(
        stated: &Stated<'_>,
        member: Option<&Member>,
        limits: Limits,
        bytes: &[u8],
        end_of_source: bool,
        most_text: usize,
    ) -> Result<Option<Self>, Error> {
        let mut evidence = Vec::new();
        let compression = settle_compression(stated, bytes, &mut evidence)?;
        let (text, is_whole) =
            unpack(stated, compression, member, bytes, end_of_source, most_text)?;
        refuse_other_formats(&text, stated.name)?;
        let (encoding, is_guess) = settle_encoding(stated, &text, is_whole, &mut evidence)?;
        if formats::is_binary(&text, encoding) {
            return Err(Error::new(
                ErrorKind::SourceCorrupt,
                format!(
                    "{} is binary data, not CSV: it has control characters of many kinds",
                    stated.name
                ),
            ));
        }
        check_terminator(stated, &text, encoding)?;
        let markup =
            if stated.is_said() { None } else { formats::markup(&text, encoding, is_whole) };
        let is_empty = is_whole && is_empty(&text, encoding);
        let Sniffed { mut dialect, evidence: guesses } =
            sniff::sniff(&text, is_whole, encoding, stated.dialect, stated.schema);
        dialect.encoding_is_guess = is_guess;
        evidence.extend(guesses);
        dialect.check().map_err(|message| {
            Error::new(
                ErrorKind::ContractInvalid,
                format!("{} can't be read exactly: {message}", stated.name),
            )
        })?;
        let text = without_footer(&dialect, text, is_whole);
        let header = preamble(&dialect, limits, &text, is_whole);
        if let Some(format) = markup
            && !matches!(&header, Ok(Some(header)) if stated.knows(&header.names))
        {
            return Err(other_format(stated.name, format));
        }
        let header = header.map_err(|long| {
            Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "the header of {} has more than {} bytes; is a quote left open there?",
                    stated.name, long.limit
                ),
            )
        })?;
        let Some(header) = header else { return Ok(None) };
        if header.names.len() > COLUMNS {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "{} has {} columns; at most {COLUMNS} are read",
                    stated.name,
                    header.names.len()
                ),
            ));
        }
        let mut opening = Self { compression, dialect, header, evidence, text, is_whole, is_empty };
        if is_whole && opening.text.len() > sniff::SAMPLE_BYTES {
            let from = (opening.text.len() - FOOTER_SAMPLE_BYTES.min(opening.text.len())) & !1;
            let tail = opening.text[from..].to_vec();
            opening.find_footer(stated, &tail);
            opening.text = without_footer(&opening.dialect, opening.text, is_whole);
        }
        Ok(Some(opening))
    }

    /// Whether a footer is looked for in the last bytes of the source: it was not to be seen in the
    /// first ones, and nobody says what is there.
    pub fn may_find_footer(&self, stated: &Stated<'_>) -> bool {
        self.dialect.footer_rows == 0
            && stated.dialect.footer_rows.is_none()
            && stated.schema.is_none()
    }

    /// Looks for a footer, where it may, in the last bytes of the source, which begin at a whole
    /// unit.
    pub fn find_footer(&mut self, stated: &Stated<'_>, tail: &[u8]) {
        if !self.may_find_footer(stated) {
            return;
        }
        if let Some((rows, because)) =
            sniff::footer_of_tail(&self.dialect, self.header.names.len(), tail)
        {
            self.dialect.footer_rows = rows;
            self.evidence.push(Evidence::new("footerRows", rows.to_string(), because));
        }
    }

    /// Whether there is anything in the source, if only a header.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SchemaDrift`]: there is nothing that could match a contract, or tell one.
    pub fn check_not_empty(&self, name: &str) -> Result<(), Error> {
        if !self.is_empty {
            return Ok(());
        }
        let mark = self.dialect.encoding.byte_order_mark();
        let what = match self.text.strip_prefix(mark).unwrap_or(&self.text) {
            [] if self.text.is_empty() => "it has 0 bytes",
            [] => "it has a byte order mark, and nothing else",
            _ => "it has blank lines, and nothing else",
        };
        Err(Error::new(ErrorKind::SchemaDrift, format!("{name} is empty: {what}")))
    }

    /// The line that says which encoding was guessed from the look of the text:
    /// `encoding windows-1252, guessed: …`.
    pub fn guessed_encoding(&self) -> Option<String> {
        said_of_guess(&self.dialect, &self.evidence)
    }

    /// Whether all bytes of the header are valid: nothing can be matched with names that are not.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SourceCorrupt`], with the place of the first byte that is not.
    pub fn check_header(&self, name: &str) -> Result<(), Error> {
        let encoding = self.dialect.encoding;
        let Some(offset) = encoding.decode(self.header_row(), &mut Vec::new()) else {
            return Ok(());
        };
        let at = self.header.range.start + offset as u64;
        Err(Error::new(
            ErrorKind::SourceCorrupt,
            format!("the header of {name} is not valid {} at byte {at}", encoding.name()),
        ))
    }

    /// The header, as it was found.
    pub fn found_header(&self) -> FoundHeader<'_> {
        let inside = LineCounter::new(&self.dialect).count(self.header_row());
        let line = self.header.lines_before_data.saturating_sub(inside) + 1;
        FoundHeader { labels: &self.header.names, line, byte: self.header.range.start }
    }

    /// The header's row, its terminator included, as it stands in the source.
    pub fn header_row(&self) -> &[u8] {
        &self.text[self.header.range.start as usize..self.header.range.end as usize]
    }

    /// What a file of rejected records begins with, so that it is read as the source is: the
    /// header's rows, in UTF-16 after a byte order mark, and an empty line for each that is skipped
    /// before them.
    pub fn rejects_header(&self) -> Vec<u8> {
        let encoding = self.dialect.encoding;
        let mark = if encoding.byte_order().is_some() { encoding.byte_order_mark() } else { b"" };
        let skipped = self.dialect.newline().repeat(self.dialect.skip_rows as usize);
        [mark, &skipped, self.header_row()].concat()
    }
}

/// A terminator that is said has to be there: without it all of the source would be one record.
fn check_terminator(stated: &Stated<'_>, text: &[u8], encoding: Encoding) -> Result<(), Error> {
    let mut narrowed = Vec::new();
    let text = match encoding.byte_order() {
        None => text,
        Some(order) => {
            Units::new(order).push(text, &mut narrowed);
            &narrowed
        }
    };
    let count = |needle: &[u8]| memmem::find_iter(text, needle).count();
    let (needle, name): (&[u8], &str) = match stated.dialect.line_terminator {
        None | Some(Terminator::Auto) => return Ok(()),
        Some(Terminator::Lf) => (b"\n", "LF"),
        Some(Terminator::CrLf) => (b"\r\n", "CR LF"),
        Some(Terminator::Cr) => (b"\r", "CR"),
    };
    let (lf, cr) = (count(b"\n"), count(b"\r"));
    if count(needle) > 0 || lf + cr < 2 {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::SourceCorrupt,
        format!(
            "no {name} is in {}, though that is said to end its records, but {lf} LF and {cr} CR: leave the terminator out, and each of them does",
            stated.name
        ),
    ))
}

fn without_footer(dialect: &Dialect, mut text: Vec<u8>, is_whole: bool) -> Vec<u8> {
    if is_whole && let Some(start) = footer_start(dialect, &text, true) {
        text.truncate(start);
    }
    text
}

fn settle_compression(
    stated: &Stated<'_>,
    bytes: &[u8],
    evidence: &mut Vec<Evidence>,
) -> Result<Compression, Error> {
    let found = unpack::sniff(bytes);
    match stated.compression {
        Compression::Auto => {
            if found != Compression::None {
                evidence.push(Evidence::new(
                    "compression",
                    found.name(),
                    format!("the source begins like {}", found.name()),
                ));
            }
            Ok(found)
        }
        said if found != said && found != Compression::None => Err(Error::new(
            ErrorKind::SourceCorrupt,
            format!(
                "{} is {}, and the contract says `compression: {}`; leave it out and it is told by the first bytes",
                stated.name,
                found.name(),
                said.name()
            ),
        )),
        said => Ok(said),
    }
}

/// The first bytes of the text, and whether they are all.
fn unpack(
    stated: &Stated<'_>,
    compression: Compression,
    member: Option<&Member>,
    mut bytes: &[u8],
    end_of_source: bool,
    most_text: usize,
) -> Result<(Vec<u8>, bool), Error> {
    if compression == Compression::None {
        return Ok((bytes.to_vec(), end_of_source));
    }
    let mut unpack = Unpack::of(compression, member, stated.name, u64::MAX);
    let (mut text, mut piece) = (Vec::new(), Vec::new());
    while text.len() < most_text {
        let taken = unpack.push(bytes, &mut piece)?;
        bytes = &bytes[taken..];
        text.extend_from_slice(&piece);
        if taken == 0 && piece.is_empty() {
            if end_of_source {
                unpack.finish()?;
            }
            return Ok((text, end_of_source));
        }
    }
    Ok((text, false))
}

/// The encoding, and whether it is but a guess.
fn settle_encoding(
    stated: &Stated<'_>,
    text: &[u8],
    is_whole: bool,
    evidence: &mut Vec<Evidence>,
) -> Result<(Encoding, bool), Error> {
    let Guess { encoding: found, because, is_doubtful } = encoding::sniff(text, is_whole);
    Ok(match stated.encoding {
        None => {
            evidence.push(Evidence::new("encoding", found.label(), because));
            (found, is_doubtful)
        }
        Some(said) if found != said && encoding::byte_order_mark(text) == Some(found) => {
            evidence.push(Evidence::new(
                "encoding",
                found.label(),
                format!("{because}, though `{said}` is stated"),
            ));
            (found, false)
        }
        // Read with units of the wrong width, or the wrong order, or a character as several, it
        // would be other text, and no fault in it.
        Some(said) if found != said && encoding::is_misread(text, said) => {
            return Err(Error::new(
                ErrorKind::SourceCorrupt,
                format!("{} is not {said}, though that is stated: {because}", stated.name),
            ));
        }
        Some(said) => (said, false),
    })
}

/// What is no CSV is named rather than read as one bad record.
fn refuse_other_formats(text: &[u8], name: &str) -> Result<(), Error> {
    if let Some(format) = formats::other_than_text(text) {
        return Err(other_format(name, format));
    }
    match unpack::sniff(text) {
        Compression::None => Ok(()),
        packed => Err(Error::new(
            ErrorKind::SourceCorrupt,
            format!("{name} holds {0}, not CSV: it is packed twice; unpack it once", packed.name()),
        )),
    }
}

fn other_format(name: &str, format: &str) -> Error {
    Error::new(
        ErrorKind::SourceCorrupt,
        format!("{name} is {format}, not CSV; convert it and submit it again"),
    )
}

/// Whether a text has nothing but a byte order mark and blank lines.
fn is_empty(text: &[u8], encoding: Encoding) -> bool {
    let is_wide = encoding.byte_order().is_some();
    let text = text.strip_prefix(encoding.byte_order_mark()).unwrap_or(text);
    text.iter().all(|byte| matches!(byte, b'\n' | b'\r' | b' ' | b'\t') || (is_wide && *byte == 0))
}
