//! Turns a file into batches of rows: streamed, or shard by shard.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::Path;

use contract::Compression;
use contract::Member;
use csv_records::dialect::{BlankRows, Dialect};
use csv_records::limits::FOOTER_BYTES;
use csv_records::{
    Base, Holdback, Lexer, Limits, LongFooter, LongRow, Rows, ShardReader, Tile, TilingError,
    footer_start, preamble, tile,
};
use job::message::Shard;
use landing::batch::Batch;
use landing::limits;
use landing::opening::{FOOTER_SAMPLE_BYTES, Opening, Stated};
use landing::plan::shards;
use landing::unpack::{self, Archive, Unpack};

use crate::path;

/// Bytes that are looked at first, for the header.
const SAMPLE_BYTES: u64 = 256 * 1024;
/// Bytes that are read at once.
const BLOCK_BYTES: u64 = 1024 * 1024;
/// Bytes that are read first past a shard's end, where mostly less than one record is missing. Each
/// further read takes twice as many.
const TAIL_BYTES: u64 = 4 * 1024;
/// Names of an archive's files that are told.
const SHOWN_NAMES: usize = 20;
/// Most rows of a batch.
const BATCH_ROWS: usize = 4 * 1024;

/// The file that is standard input.
const STDIN_DEVICE: &str = "/dev/stdin";

/// A file whose header is known.
pub(crate) struct Source {
    file: File,
    opening: Opening,
    /// Bytes of the file up to its footer, and of a shard, unless it is streamed.
    split: Option<(u64, u64)>,
    /// The header's row, if there is one, and the bytes in which it was read.
    header_rows: Rows,
    header_window: Vec<u8>,
    /// Fields of the first record.
    columns: usize,
    /// The first bytes of the file, as they lie there.
    sample: Vec<u8>,
    /// The sample is the whole file.
    ended: bool,
    /// Most bytes that a packed file may unpack to.
    unpacked_limit: u64,
    name: String,
    /// Which file of a zip archive is meant.
    member: Option<Member>,
}

/// Takes each batch, and what lies before the shard that it is of.
type Visit<'a> = &'a mut dyn FnMut(&Batch<'_>, Base) -> io::Result<()>;

/// Why reading stopped before the end.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The file can't be read.
    Input(io::Error),
    /// The rows can't be written.
    Output(io::Error),
    /// It is no CSV, or damaged, or can't be read that way.
    Refused(job::Error),
    /// It is an archive, and nobody says which of its files is meant.
    Archive(String),
    /// A record is longer than the limit.
    Long(LongRow),
    /// The shards do not tile the file: it changed, or this is a bug.
    Torn(TilingError),
    /// A pipe can't be read in shards.
    NotSplittable,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Input(error) => write!(f, "{error}"),
            Self::Output(error) => write!(f, "the output can't be written: {error}"),
            Self::Refused(error) => write!(f, "{error}"),
            Self::Archive(message) => f.write_str(message),
            Self::Long(long) => write!(
                f,
                "the record at byte {} has more than {} bytes; is a quote left open there?",
                long.at, long.limit
            ),
            Self::Torn(error) => write!(f, "did the file change? {error}"),
            Self::NotSplittable => f.write_str("is no regular file"),
        }
    }
}

impl From<io::Error> for Unreadable {
    /// For what visitors answer.
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<LongFooter> for Unreadable {
    fn from(footer: LongFooter) -> Self {
        Self::Refused(limits::long_footer(footer))
    }
}

impl From<job::Error> for Unreadable {
    fn from(error: job::Error) -> Self {
        Self::Refused(error)
    }
}

impl Source {
    /// Opens a file and reads what stands before the data. Without `shard_bytes` it is streamed,
    /// and may be a pipe.
    pub(crate) fn open(
        path: &Path,
        stated: &Stated<'_>,
        shard_bytes: Option<u64>,
    ) -> Result<Self, Unreadable> {
        Self::open_member(path, stated, None, shard_bytes)
    }

    /// The same; of a zip archive the file that `member` matches.
    pub(crate) fn open_member(
        path: &Path,
        stated: &Stated<'_>,
        member: Option<&Member>,
        shard_bytes: Option<u64>,
    ) -> Result<Self, Unreadable> {
        path::check_file(path)
            .map_err(|message| job::Error::new(job::ErrorKind::SourceMissing, message))?;
        let path = if path::is_stdin(path) { Path::new(STDIN_DEVICE) } else { path };
        let mut file = File::open(path).map_err(Unreadable::Input)?;
        let metadata = file.metadata().map_err(Unreadable::Input)?;
        if shard_bytes.is_some() && !metadata.is_file() {
            return Err(Unreadable::NotSplittable);
        }
        let unpacked_limit = if metadata.is_file() {
            limits::unpacked_bytes(metadata.len())
        } else {
            limits::UNPACKED_BYTES
        };
        let start = Start::read(path, &mut file, metadata.is_file(), stated, member)?;
        let Start { mut opening, columns, sample, ended } = start;
        if !opening.is_whole && metadata.is_file() && opening.may_find_footer(stated) {
            let tail = match opening.compression {
                Compression::None => tail(&mut file, metadata.len(), FOOTER_SAMPLE_BYTES as u64)?,
                compression => {
                    let unpack = Unpack::of(compression, member, stated.name, unpacked_limit);
                    unpacked_tail(&mut file, unpack)?
                }
            };
            opening.find_footer(stated, &tail);
            // Reading goes on after the sample.
            file.seek(SeekFrom::Start(sample.len() as u64)).map_err(Unreadable::Input)?;
        }
        let split = match shard_bytes.filter(|_| opening.compression == Compression::None) {
            Some(shard_bytes) => {
                Some((data_end(&mut file, metadata.len(), &opening)?, shard_bytes))
            }
            None => None,
        };
        let mut source = Self {
            file,
            opening,
            split,
            header_rows: Rows::default(),
            header_window: Vec::new(),
            columns,
            sample,
            ended,
            unpacked_limit,
            name: stated.name.to_owned(),
            member: member.cloned(),
        };
        source.read_header()?;
        Ok(source)
    }

    fn read_header(&mut self) -> Result<(), Unreadable> {
        let (dialect, row) = (&self.opening.dialect, self.opening.header_row());
        match dialect.units() {
            None => self.header_window.extend_from_slice(row),
            Some(mut units) => units.push(row, &mut self.header_window),
        }
        if !row.is_empty() {
            let skipping = Dialect { blank_rows: BlankRows::Skip, ..dialect.clone() };
            let mut lexer = Lexer::new(&skipping, Limits::default());
            lexer
                .read(&self.header_window, true, usize::MAX, &mut self.header_rows)
                .map_err(Unreadable::Long)?;
        }
        Ok(())
    }

    /// What the file turned out to be.
    pub(crate) fn opening(&self) -> &Opening {
        &self.opening
    }

    /// How records are told apart.
    pub(crate) fn dialect(&self) -> &Dialect {
        &self.opening.dialect
    }

    /// Fields of the first record.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The header as a batch of one record or none, and the lines before it.
    pub(crate) fn header_batch(&self) -> (Batch<'_>, u64) {
        let (header, source) = (&self.opening.header, self.opening.header_row());
        let batch = csv_records::RowBatch {
            window: &self.header_window,
            source,
            at: header.range.start,
            lines: 0,
            records: 0,
        };
        let lines: u64 = self.header_rows.rows.iter().map(|row| u64::from(row.lines)).sum();
        (Batch::new(batch, &self.header_rows, self.dialect()), header.lines_before_data - lines)
    }

    /// Shows the data to `visit`, in order.
    pub(crate) fn read(mut self, visit: Visit<'_>) -> Result<(), Unreadable> {
        let Some((source_bytes, shard_bytes)) = self.split else { return self.stream(visit) };
        let mut scratch = Rows::default();
        let dialect = self.dialect().clone();
        let unit = dialect.encoding.unit_bytes() as u64;
        for (shard, base) in
            self.settle(source_bytes, shard_bytes.next_multiple_of(unit), &mut scratch)?
        {
            let base = self.base(base);
            let mut visit = |batch: csv_records::RowBatch<'_>, rows: &Rows| {
                visit(&Batch::new(batch, rows, &dialect), base)
            };
            if let (_, Some(long)) = self.shard(&shard, source_bytes, &mut scratch, &mut visit)? {
                return Err(Unreadable::Long(long));
            }
        }
        Ok(())
    }

    /// What lies before a shard, the header included.
    fn base(&self, base: Base) -> Base {
        Base { lines: base.lines + self.opening.header.lines_before_data, ..base }
    }

    fn reader(&self, range: Range<u64>, first: Option<u64>) -> ShardReader {
        ShardReader::new(self.dialect(), range, first, self.columns, Limits::default())
    }

    /// Reads the file from front to back: it may be a pipe, and it may be packed.
    fn stream(&mut self, visit: Visit<'_>) -> Result<(), Unreadable> {
        let base = self.base(Base::default());
        let dialect = self.dialect().clone();
        let mut visit = |batch: csv_records::RowBatch<'_>, rows: &Rows| {
            visit(&Batch::new(batch, rows, &dialect), base)
        };
        let data_start = self.opening.header.data_start;
        let mut reader = self.reader(0..u64::MAX, Some(data_start));
        let mut rows = Rows::default();
        let mut holdback = Holdback::new(&dialect);
        let mut feed = |bytes: &[u8], ended: bool| {
            let (at, bytes) = holdback.pass(bytes)?;
            let before_data = (data_start.saturating_sub(at) as usize).min(bytes.len());
            reader.push(&bytes[before_data..], ended);
            drain(&mut reader, &mut rows, &mut visit)?
                .map_or(Ok(()), |long| Err(Unreadable::Long(long)))
        };
        let compression = self.opening.compression;
        let mut unpack =
            Unpack::of(compression, self.member.as_ref(), &self.name, self.unpacked_limit);
        let (mut block, mut ended) = (std::mem::take(&mut self.sample), self.ended);
        let mut piece = Vec::new();
        loop {
            let mut packed = &block[..];
            if compression == Compression::None {
                feed(packed, ended)?;
            } else {
                loop {
                    let taken = unpack.push(packed, &mut piece)?;
                    packed = &packed[taken..];
                    if taken == 0 && piece.is_empty() {
                        break;
                    }
                    feed(&piece, false)?;
                }
                if ended {
                    unpack.finish()?;
                    feed(&[], true)?;
                }
            }
            if ended {
                return Ok(());
            }
            block.clear();
            ended = (&mut self.file)
                .take(BLOCK_BYTES)
                .read_to_end(&mut block)
                .map_err(Unreadable::Input)?
                == 0;
        }
    }

    /// The two rounds: every shard reads as it guesses, those that guessed wrong read again, and
    /// then it is known how each is to be read and what lies before it.
    ///
    /// The list ends at a shard with a record that is longer than the limit.
    fn settle(
        &mut self,
        source_bytes: u64,
        shard_bytes: u64,
        scratch: &mut Rows,
    ) -> Result<Vec<(Shard, Base)>, Unreadable> {
        let (_, mut shards) = shards(source_bytes, self.opening.header.data_start, shard_bytes);
        let mut ignore = |_: csv_records::RowBatch<'_>, _: &Rows| Ok(());
        let mut tiles = Vec::with_capacity(shards.len());
        for shard in &shards {
            tiles.push(self.shard(shard, source_bytes, scratch, &mut ignore)?.0);
        }
        let data_start = self.opening.header.data_start;
        let prove =
            |tiles: &[Tile]| tile(tiles, data_start, source_bytes).map_err(Unreadable::Torn);
        for (index, first) in prove(&tiles)?.wrong {
            shards[index] = Shard { first: Some(first), round: 2, ..shards[index].clone() };
            tiles[index] = self.shard(&shards[index], source_bytes, scratch, &mut ignore)?.0;
        }
        let tiling = prove(&tiles)?;
        if let Some((shard, first)) =
            tiling.wrong.iter().find(|(shard, _)| shard + 1 < tiling.bases.len())
        {
            return Err(Unreadable::Torn(TilingError::NoReading { shard: *shard, first: *first }));
        }
        Ok(shards.into_iter().zip(tiling.bases).collect())
    }

    /// Reads one shard: how it tiles the file, and the record that is too long, if there certainly
    /// is one.
    fn shard(
        &mut self,
        shard: &Shard,
        source_bytes: u64,
        rows: &mut Rows,
        visit: &mut dyn FnMut(csv_records::RowBatch<'_>, &Rows) -> io::Result<()>,
    ) -> Result<(Tile, Option<LongRow>), Unreadable> {
        let mut reader = self.reader(shard.from..shard.to, shard.first);
        let mut tail = TAIL_BYTES;
        let mut block = Vec::new();
        while let Some(at) = reader.wants() {
            let bytes = if at < shard.to {
                (shard.to - at).min(BLOCK_BYTES)
            } else {
                tail = (tail * 2).min(2 * BLOCK_BYTES);
                tail / 2
            };
            block.clear();
            self.file.seek(SeekFrom::Start(at)).map_err(Unreadable::Input)?;
            (&mut self.file)
                .take(bytes.min(source_bytes - at))
                .read_to_end(&mut block)
                .map_err(Unreadable::Input)?;
            if block.is_empty() && at < source_bytes {
                return Err(Unreadable::Input(io::ErrorKind::UnexpectedEof.into()));
            }
            reader.push(&block, at + block.len() as u64 >= source_bytes);
            if let Some(long) = drain(&mut reader, rows, visit)? {
                return Ok((reader.finish(), Some(long)));
            }
        }
        Ok((reader.finish(), None))
    }
}

/// The beginning of a file, long enough for its header and the record after it.
struct Start {
    opening: Opening,
    columns: usize,
    sample: Vec<u8>,
    ended: bool,
}

impl Start {
    /// Reads as much of `file`, which is that at `path`, as it takes.
    fn read(
        path: &Path,
        file: &mut File,
        is_regular: bool,
        stated: &Stated<'_>,
        member: Option<&Member>,
    ) -> Result<Self, Unreadable> {
        let mut sample = Vec::new();
        let mut wanted = SAMPLE_BYTES;
        loop {
            let missing = wanted - sample.len() as u64;
            let ended =
                (&mut *file).take(missing).read_to_end(&mut sample).map_err(Unreadable::Input)?
                    < missing as usize;
            if wanted == SAMPLE_BYTES && is_regular && unpack::sniff(&sample) == Compression::Zip {
                check_archive(path, stated.name, member)?;
            }
            let opening = Opening::read_member(
                stated,
                member,
                Limits::default(),
                &sample,
                ended,
                wanted as usize,
            )?;
            if let Some(opening) = opening
                && let Some(columns) = columns(&opening)?
            {
                return Ok(Self { opening, columns, sample, ended });
            }
            wanted *= 8;
        }
    }
}

/// Refuses an archive where nobody says which file is meant, with the names of its files.
fn check_archive(path: &Path, name: &str, member: Option<&Member>) -> Result<(), Unreadable> {
    let mut file = File::open(path).map_err(Unreadable::Input)?;
    let bytes = file.metadata().map_err(Unreadable::Input)?.len();
    let mut get = |range: Range<u64>| -> Result<Vec<u8>, Unreadable> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(range.start)).map_err(Unreadable::Input)?;
        Read::take(&mut file, range.end - range.start)
            .read_to_end(&mut bytes)
            .map_err(Unreadable::Input)?;
        Ok(bytes)
    };
    let tail = get(bytes.saturating_sub(unpack::TAIL_BYTES)..bytes)?;
    let Some(directory) = Archive::locate(&tail, bytes) else { return Ok(()) };
    let Some(archive) = Archive::read(&get(directory)?) else { return Ok(()) };
    let Err(refused) = archive.check(name, member) else { return Ok(()) };
    let names: Vec<String> = archive
        .names()
        .take(SHOWN_NAMES)
        .map(|name| format!("`{}`", name.escape_debug()))
        .collect();
    if names.is_empty() {
        return Err(refused.into());
    }
    let more = archive.names().count() - names.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(Unreadable::Archive(format!("{refused}: it holds {}{more}", names.join(", "))))
}

/// Where the data of a file ends: at its footer, if it is to have one.
fn data_end(file: &mut File, bytes: u64, opening: &Opening) -> Result<u64, Unreadable> {
    if opening.dialect.footer_rows == 0 {
        return Ok(bytes);
    }
    let mut wanted = TAIL_BYTES;
    loop {
        let from = bytes.saturating_sub(wanted) & !1;
        let tail = tail(file, bytes, wanted)?;
        if let Some(start) = footer_start(&opening.dialect, &tail, from == 0) {
            return Ok((from + start as u64).max(opening.header.data_start));
        }
        if wanted as usize > FOOTER_BYTES {
            return Err(LongFooter { lines: opening.dialect.footer_rows }.into());
        }
        wanted *= 8;
    }
}

/// The last bytes of a file, at most so many and one more, from a whole unit on.
fn tail(file: &mut File, bytes: u64, wanted: u64) -> Result<Vec<u8>, Unreadable> {
    let from = bytes.saturating_sub(wanted) & !1;
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(from)).map_err(Unreadable::Input)?;
    Read::take(&mut *file, bytes - from).read_to_end(&mut tail).map_err(Unreadable::Input)?;
    Ok(tail)
}

/// The same of what a packed file unpacks to; nothing of one that is damaged, which is told when it
/// is read.
fn unpacked_tail(file: &mut File, mut unpack: Unpack) -> Result<Vec<u8>, Unreadable> {
    let (mut tail, mut block) = (Vec::new(), Vec::new());
    file.seek(SeekFrom::Start(0)).map_err(Unreadable::Input)?;
    loop {
        block.clear();
        if Read::take(&mut *file, BLOCK_BYTES).read_to_end(&mut block).map_err(Unreadable::Input)?
            == 0
        {
            break;
        }
        let unpacked = unpack.feed(&block, |piece| {
            tail.extend_from_slice(piece);
            // An even number of bytes goes, so that units of UTF-16 stay whole.
            tail.drain(..tail.len().saturating_sub(FOOTER_SAMPLE_BYTES) & !1);
            Ok(())
        });
        if unpacked.is_err() {
            return Ok(Vec::new());
        }
    }
    Ok(tail)
}

/// Fields of the first record, whether or not it is a header: it tells how many all should have.
/// `None`: the sample ends before it.
fn columns(opening: &Opening) -> Result<Option<usize>, Unreadable> {
    let with_header = Dialect { header: true, ..opening.dialect.clone() };
    let first = preamble(&with_header, Limits::default(), &opening.text, opening.is_whole)
        .map_err(Unreadable::Long)?;
    Ok(first.map(|first| first.names.len()))
}

/// Shows all rows that are complete. A record that is only perhaps too long makes them void, which
/// the tile tells.
fn drain(
    reader: &mut ShardReader,
    rows: &mut Rows,
    visit: &mut dyn FnMut(csv_records::RowBatch<'_>, &Rows) -> io::Result<()>,
) -> Result<Option<LongRow>, Unreadable> {
    loop {
        match reader.next(BATCH_ROWS, rows) {
            Ok(Some(batch)) => visit(batch, rows)?,
            Ok(None) => return Ok(None),
            Err(long) if long.certain => return Ok(Some(long)),
            Err(_) => {}
        }
    }
}
