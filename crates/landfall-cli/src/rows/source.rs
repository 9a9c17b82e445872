//! A file as batches of rows: streamed, or shard by shard.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use landing::dialect::Dialect;
use landing::message::Shard;
use landing::plan::shards;
use landing::records::{self, Base, Header, Lexer, Limits, LongRow, Rows, ShardReader, Tile, TilingError, preamble, tile};
use landing::shape::Batch;

/// Bytes that are looked at first, for the header.
const SAMPLE_BYTES: u64 = 256 * 1024;
/// Bytes that are read at once.
const BLOCK_BYTES: u64 = 1024 * 1024;
/// Bytes that are read first past a shard's end, where mostly less than one record is missing. Each further read takes twice as many.
const TAIL_BYTES: u64 = 4 * 1024;
/// Most rows of a batch.
const BATCH_ROWS: usize = 4 * 1024;

/// A file whose header is known.
pub(super) struct Source {
    file: File,
    dialect: Dialect,
    /// Bytes of the file and of a shard, unless it is streamed.
    split: Option<(u64, u64)>,
    header: Header,
    /// The header's row, if there is one.
    header_rows: Rows,
    /// Fields of the first record.
    columns: usize,
    /// The first bytes of the file.
    sample: Vec<u8>,
    /// The sample is the whole file.
    ended: bool,
}

/// Takes each batch, and what lies before the shard that it is of.
type Visit<'a> = &'a mut dyn FnMut(&Batch<'_>, Base) -> io::Result<()>;

/// Why reading stopped before the end.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// The file can't be read.
    Input(io::Error),
    /// The rows can't be written.
    Output(io::Error),
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
            Self::Long(long) => write!(f, "the record at byte {} has more than {} bytes; is a quote left open there?", long.at, long.limit),
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

impl Source {
    /// Opens a file and reads what stands before the data. Without `shard_bytes` it is streamed, and may be a pipe.
    pub(super) fn open(path: &Path, dialect: Dialect, shard_bytes: Option<u64>) -> Result<Self, Unreadable> {
        let mut file = File::open(path).map_err(Unreadable::Input)?;
        let metadata = file.metadata().map_err(Unreadable::Input)?;
        if shard_bytes.is_some() && !metadata.is_file() {
            return Err(Unreadable::NotSplittable);
        }
        let split = shard_bytes.map(|shard_bytes| (metadata.len(), shard_bytes));
        let mut sample = Vec::new();
        let mut wanted = SAMPLE_BYTES;
        // The first record tells how many fields all should have, whether or not it is a header.
        let with_header = Dialect { header: true, ..dialect.clone() };
        loop {
            let missing = wanted - sample.len() as u64;
            let ended = (&mut file).take(missing).read_to_end(&mut sample).map_err(Unreadable::Input)? < missing as usize;
            let found = |dialect: &Dialect| preamble(dialect, Limits::default(), &sample, ended).map_err(Unreadable::Long);
            if let (Some(header), Some(first)) = (found(&dialect)?, found(&with_header)?) {
                let mut header_rows = Rows::default();
                let raw = &sample[header.range.start as usize..header.range.end as usize];
                if !raw.is_empty() {
                    Lexer::new(&dialect, Limits::default()).read(raw, true, 1, &mut header_rows).map_err(Unreadable::Long)?;
                }
                return Ok(Self { file, dialect, split, columns: first.names.len(), header, header_rows, sample, ended });
            }
            wanted *= 8;
        }
    }

    /// Fields of the first record.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// The header as a batch of one record or none, and the lines before it.
    pub(super) fn header_batch(&self) -> (Batch<'_>, u64) {
        let range = self.header.range.clone();
        let window = &self.sample[range.start as usize..range.end as usize];
        let batch = records::Batch { window, at: range.start, lines: 0, records: 0 };
        let lines: u64 = self.header_rows.rows.iter().map(|row| u64::from(row.lines)).sum();
        (Batch::new(batch, &self.header_rows), self.header.lines_before_data - lines)
    }

    /// Shows the data to `visit`, in order.
    pub(super) fn read(mut self, visit: Visit<'_>) -> Result<(), Unreadable> {
        let Some((source_bytes, shard_bytes)) = self.split else { return self.stream(visit) };
        let mut scratch = Rows::default();
        for (shard, base) in self.settle(source_bytes, shard_bytes, &mut scratch)? {
            let base = self.base(base);
            let mut visit = |batch: records::Batch<'_>, rows: &Rows| visit(&Batch::new(batch, rows), base);
            if let (_, Some(long)) = self.shard(&shard, source_bytes, &mut scratch, &mut visit)? {
                return Err(Unreadable::Long(long));
            }
        }
        Ok(())
    }

    /// What lies before a shard, the header included.
    fn base(&self, base: Base) -> Base {
        Base { lines: base.lines + self.header.lines_before_data, ..base }
    }

    /// Reads the file from front to back: it may be a pipe.
    fn stream(&mut self, visit: Visit<'_>) -> Result<(), Unreadable> {
        let base = self.base(Base::default());
        let mut visit = |batch: records::Batch<'_>, rows: &Rows| visit(&Batch::new(batch, rows), base);
        let mut reader = ShardReader::new(&self.dialect, 0..u64::MAX, Some(self.header.data_start), self.columns, Limits::default());
        let mut rows = Rows::default();
        let mut block = std::mem::take(&mut self.sample).split_off(self.header.data_start as usize);
        let mut ended = self.ended;
        loop {
            reader.push(&block, ended);
            if let Some(long) = drain(&mut reader, &mut rows, &mut visit)? {
                return Err(Unreadable::Long(long));
            }
            if reader.wants().is_none() {
                return Ok(());
            }
            block.clear();
            ended = (&mut self.file).take(BLOCK_BYTES).read_to_end(&mut block).map_err(Unreadable::Input)? == 0;
        }
    }

    /// The two rounds: every shard reads as it guesses, those that guessed wrong read again, and then it is known how each is to be read and what lies before it.
    ///
    /// The list ends at a shard with a record that is longer than the limit.
    fn settle(&mut self, source_bytes: u64, shard_bytes: u64, scratch: &mut Rows) -> Result<Vec<(Shard, Base)>, Unreadable> {
        let (_, mut shards) = shards(source_bytes, self.header.data_start, shard_bytes);
        let mut ignore = |_: records::Batch<'_>, _: &Rows| Ok(());
        let mut tiles = Vec::with_capacity(shards.len());
        for shard in &shards {
            tiles.push(self.shard(shard, source_bytes, scratch, &mut ignore)?.0);
        }
        let data_start = self.header.data_start;
        let prove = |tiles: &[Tile]| tile(tiles, data_start, source_bytes).map_err(Unreadable::Torn);
        for (index, first) in prove(&tiles)?.wrong {
            shards[index] = Shard { first: Some(first), round: 2, ..shards[index].clone() };
            tiles[index] = self.shard(&shards[index], source_bytes, scratch, &mut ignore)?.0;
        }
        let tiling = prove(&tiles)?;
        if let Some((shard, first)) = tiling.wrong.iter().find(|(shard, _)| shard + 1 < tiling.bases.len()) {
            return Err(Unreadable::Torn(TilingError::NoReading { shard: *shard, first: *first }));
        }
        Ok(shards.into_iter().zip(tiling.bases).collect())
    }

    /// Reads one shard: how it tiles the file, and the record that is too long, if there certainly is one.
    fn shard(
        &mut self,
        shard: &Shard,
        source_bytes: u64,
        rows: &mut Rows,
        visit: &mut dyn FnMut(records::Batch<'_>, &Rows) -> io::Result<()>,
    ) -> Result<(Tile, Option<LongRow>), Unreadable> {
        let mut reader = ShardReader::new(&self.dialect, shard.from..shard.to, shard.first, self.columns, Limits::default());
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
            (&mut self.file).take(bytes.min(source_bytes - at)).read_to_end(&mut block).map_err(Unreadable::Input)?;
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

/// Shows all rows that are complete. A record that is only perhaps too long makes them void, which the tile tells.
fn drain(
    reader: &mut ShardReader,
    rows: &mut Rows,
    visit: &mut dyn FnMut(records::Batch<'_>, &Rows) -> io::Result<()>,
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
