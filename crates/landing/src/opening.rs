//! What a source turns out to be by its beginning: how it is packed, what its bytes stand for, how records are told apart, and its header.

use crate::Error;
use crate::contract::{Compression, Schema};
use crate::dialect::{Dialect, StatedDialect};
use crate::encoding::{self, Encoding};
use crate::evidence::Evidence;
use crate::limits::COLUMNS;
use crate::records::{Header, Limits, footer_start, preamble};
use crate::sniff::{Sniffed, sniff};
use crate::unpack::{self, Member, Unpack};

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
}

impl Opening {
    /// Understands the first bytes of a source, of which at most `most_text` are looked at once they are unpacked. `None`: the header does not end in them; more of both
    /// are wanted. `end_of_source`: no bytes come after `bytes`.
    ///
    /// A byte order mark tells the encoding whatever is stated, as it does everywhere else on the web; it is put down as evidence.
    ///
    /// # Errors
    ///
    /// [`Error::SourceCorrupt`]: the source is something else, or damaged. [`Error::ContractInvalid`]: the dialect can't be read in the encoding.
    /// [`Error::LimitExceeded`].
    pub fn read(stated: &Stated<'_>, limits: Limits, bytes: &[u8], end_of_source: bool, most_text: usize) -> Result<Option<Self>, Error> {
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
        let (text, is_whole) = unpack(stated, compression, member, bytes, end_of_source, most_text)?;
        refuse_other_formats(&text, stated.name)?;
        let encoding = settle_encoding(stated, &text, is_whole, &mut evidence)?;
        let Sniffed { dialect, evidence: guesses } = sniff(&text, is_whole, encoding, stated.dialect, stated.schema);
        evidence.extend(guesses);
        dialect.check().map_err(|message| Error::ContractInvalid(format!("{} can't be read exactly: {message}", stated.name)))?;
        let text = without_footer(&dialect, text, is_whole);
        let header = preamble(&dialect, limits, &text, is_whole).map_err(|long| {
            Error::LimitExceeded(format!("the header of {} has more than {} bytes; is a quote left open there?", stated.name, long.limit))
        })?;
        let Some(header) = header else { return Ok(None) };
        if header.names.len() > COLUMNS {
            return Err(Error::LimitExceeded(format!("{} has {} columns; at most {COLUMNS} are read", stated.name, header.names.len())));
        }
        Ok(Some(Self { compression, dialect, header, evidence, text, is_whole }))
    }

    /// Whether all bytes of the header are valid: nothing can be matched with names that are not.
    ///
    /// # Errors
    ///
    /// [`Error::SourceCorrupt`], with the place of the first byte that is not.
    pub fn check_header(&self, name: &str) -> Result<(), Error> {
        let encoding = self.dialect.encoding;
        let Some(offset) = encoding.decode(self.header_row(), &mut Vec::new()) else { return Ok(()) };
        let at = self.header.range.start + offset as u64;
        Err(Error::SourceCorrupt(format!("the header of {name} is not valid {} at byte {at}", encoding.name())))
    }

    /// Whether the source holds nothing but a byte order mark and blank lines.
    pub fn is_blank(&self) -> bool {
        let encoding = self.dialect.encoding;
        let text = self.text.strip_prefix(encoding.byte_order_mark()).unwrap_or(&self.text);
        // A character is of two bytes there, one of which is 0.
        let is_wide = encoding.byte_order().is_some();
        self.is_whole && text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n') || (is_wide && *byte == 0))
    }

    /// The header's row, its terminator included, as it stands in the source.
    pub fn header_row(&self) -> &[u8] {
        &self.text[self.header.range.start as usize..self.header.range.end as usize]
    }

    /// What a file of refused records begins with, so that it is read as the source is: the header's rows, in UTF-16 after a byte order mark, and an empty line for each
    /// that is skipped before them.
    pub fn rejects_header(&self) -> Vec<u8> {
        let encoding = self.dialect.encoding;
        let mark = if encoding.byte_order().is_some() { encoding.byte_order_mark() } else { b"" };
        let skipped = self.dialect.newline().repeat(self.dialect.skip_rows as usize);
        [mark, &skipped, self.header_row()].concat()
    }
}

fn without_footer(dialect: &Dialect, mut text: Vec<u8>, is_whole: bool) -> Vec<u8> {
    if is_whole && let Some(start) = footer_start(dialect, &text, true) {
        text.truncate(start);
    }
    text
}

fn settle_compression(stated: &Stated<'_>, bytes: &[u8], evidence: &mut Vec<Evidence>) -> Result<Compression, Error> {
    let found = unpack::sniff(bytes);
    match stated.compression {
        Compression::Auto => {
            if found != Compression::None {
                evidence.push(Evidence::new("compression", found.name(), format!("the source begins like {}", found.name())));
            }
            Ok(found)
        }
        said if found != said && found != Compression::None => Err(Error::SourceCorrupt(format!(
            "{} is {}, and the contract says `compression: {}`; leave it out and it is told by the first bytes",
            stated.name,
            found.name(),
            said.name()
        ))),
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

fn settle_encoding(stated: &Stated<'_>, text: &[u8], is_whole: bool, evidence: &mut Vec<Evidence>) -> Result<Encoding, Error> {
    let (found, because) = encoding::sniff(text, is_whole);
    Ok(match stated.encoding {
        None => {
            evidence.push(Evidence::new("encoding", found.label(), because));
            found
        }
        Some(said) if found != said && encoding::byte_order_mark(text) == Some(found) => {
            evidence.push(Evidence::new("encoding", found.label(), format!("{because}, though `{said}` is stated")));
            found
        }
        // Read with units of the wrong width, or the wrong order, it would be other text, and no fault in it.
        Some(said) if found != said && encoding::is_misread(text, said) => {
            return Err(Error::SourceCorrupt(format!("{} is not {said}, though that is stated: {because}", stated.name)));
        }
        Some(said) => said,
    })
}

/// What is no CSV is named rather than read as one bad record.
fn refuse_other_formats(text: &[u8], name: &str) -> Result<(), Error> {
    let formats: [(&[u8], &str); 7] = [
        (b"PAR1", "Parquet"),
        (b"\xff\xfe\0\0", "UTF-32 (little-endian)"),
        (b"\0\0\xfe\xff", "UTF-32 (big-endian)"),
        (b"\xfd7zXZ\0", "xz"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"\x04\x22\x4d\x18", "LZ4"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
    ];
    if encoding::is_utf_32(text) {
        return Err(Error::SourceCorrupt(format!("{name} holds UTF-32, which is not read; convert it to UTF-8 and submit it again")));
    }
    let format = formats.iter().find(|(magic, _)| text.starts_with(magic)).map(|(_, format)| *format);
    let packed = Some(unpack::sniff(text)).filter(|packed| *packed != Compression::None).map(Compression::name);
    match format.or(packed) {
        Some(format) => Err(Error::SourceCorrupt(format!("{name} holds {format}, not CSV; convert it and submit it again"))),
        None => Ok(()),
    }
}
