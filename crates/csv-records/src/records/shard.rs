//! Turns one shard of a source into its rows, whatever the bytes before it are.

use std::ops::Range;

use super::follower::{Bytes, Follower, Step};
use super::grammar::Grammar;
use super::lexer::{Lexer, Limits, LongRow};
use super::rows::{RowKind, Rows};
use super::states::State;
use super::tiling::{Reading, Tile};
use crate::dialect::Dialect;
use crate::encoding::Units;

/// Bytes at the beginning of a shard by which its likelier reading is chosen: many rows of any
/// usual file, and little to keep.
const SAMPLE_BYTES: u64 = 256 << 10;

/// Reads one shard of a source: it is fed bytes, and hands out the rows that start inside the
/// shard's range.
///
/// ```
/// use csv_records::dialect::Dialect;
/// use csv_records::{Limits, Rows, ShardReader};
///
/// let source = b"a,b\n\"1\n\",2\n3,4\n";
/// let dialect = Dialect::default();
/// // The range begins inside quotes, and ends where the last row does.
/// let mut reader = ShardReader::new(&dialect, 6..15, None, 2, Limits::default());
/// let mut rows = Rows::default();
/// let mut seen = Vec::new();
/// while let Some(at) = reader.wants() {
///     let fetched = &source[at as usize..];
///     reader.push(fetched, true);
///     while let Some(batch) = reader.next(1024, &mut rows).expect("no row is long") {
///         seen.extend(rows.rows.iter().map(|row| batch.at + u64::from(row.start)));
///     }
/// }
/// assert_eq!(seen, [11]);
/// assert_eq!(reader.finish().records, 1);
/// ```
#[derive(Debug)]
pub struct ShardReader {
    lexer: Lexer,
    range: Range<u64>,
    /// The same range in bytes.
    bytes: Range<u64>,
    record_bytes: u32,
    /// For UTF-16.
    wide: Option<Wide>,
    expected_fields: usize,
    known: bool,
    /// Bytes of the source from `buffered_from` on; those before `head` are done with. In UTF-16
    /// units instead of bytes, like all positions in here.
    buffer: Vec<u8>,
    buffered_from: u64,
    head: usize,
    ended: bool,
    phase: Phase,
    /// The readings that are not taken; while one is being chosen, all, once there are enough bytes
    /// to tell them.
    others: Vec<Follower>,
    settled: Vec<(u64, Fate)>,
    /// Reading is not tried again before that many bytes are there: a row that outgrows the buffer
    /// is not read anew for each byte that comes.
    patience: usize,
    lines: u64,
    records: u64,
}

/// A source in UTF-16, which the buffer holds as one byte a unit.
#[derive(Debug)]
struct Wide {
    units: Units,
    /// The bytes of the units in the buffer, and perhaps the first half of the next.
    source: Vec<u8>,
    /// The last unit of the source has one byte.
    is_short: bool,
}

/// Where the taken reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It is not chosen yet.
    Choosing,
    /// It reads rows.
    Reading { first: u64 },
    /// It has its end, unless a row was too long.
    Ended { first: u64, end: Option<u64> },
    /// No row starts inside the range.
    Nothing,
}

/// What became of a reading that was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It reached a row start of the taken one.
    Merged,
    /// It has an end of its own.
    Ended(u64),
    /// It has a row that is too long.
    LongRow,
}

/// Rows of a shard, and where they are in it.
#[derive(Debug, Clone, Copy)]
pub struct RowBatch<'a> {
    /// The bytes that the rows' offsets refer to. The first row starts at offset 0.
    pub window: &'a [u8],
    /// The source's own bytes: the window itself, except in UTF-16, where each byte of the window
    /// stands for two of these.
    pub source: &'a [u8],
    /// The byte of the source, from 0, at which the window begins.
    pub at: u64,
    /// Line terminators in the shard's rows before this batch.
    pub lines: u64,
    /// Records in the shard before this batch.
    pub records: u64,
}

impl ShardReader {
    /// A reader of the rows that start in `range`.
    ///
    /// `first` is where the first row starts, if that is known: for the shards up to the one that
    /// holds the start of the data, and for shards that are run again. If it lies at or past the
    /// range's end, there is nothing to read. A range whose end is not known (a stream that is one
    /// shard) may end at `u64::MAX`. `expected_fields` is how many a good record has; readings are
    /// judged by it.
    pub fn new(
        dialect: &Dialect,
        range: Range<u64>,
        first: Option<u64>,
        expected_fields: usize,
        limits: Limits,
    ) -> Self {
        let unit = dialect.encoding.unit_bytes();
        let lexer = Lexer::new(dialect, limits.in_units(unit));
        let bytes = range;
        let in_units = |byte: u64| byte.div_ceil(unit as u64);
        let range = in_units(bytes.start)..in_units(bytes.end);
        let first = first.or((range.start == 0).then_some(0)).map(in_units);
        let (phase, from) = match first {
            Some(first) if first >= range.end => (Phase::Nothing, first),
            Some(first) => (Phase::Reading { first }, first),
            None if range.is_empty() => (Phase::Nothing, range.start),
            // The byte before the range tells most of what the state in it may be.
            None => (Phase::Choosing, range.start - 1),
        };
        Self {
            lexer,
            range,
            bytes,
            record_bytes: limits.record_bytes,
            wide: dialect.units().map(|units| Wide { units, source: Vec::new(), is_short: false }),
            expected_fields,
            known: first.is_some(),
            buffer: Vec::new(),
            buffered_from: from,
            head: 0,
            ended: false,
            phase,
            others: Vec::new(),
            settled: Vec::new(),
            patience: 0,
            lines: 0,
            records: 0,
        }
    }

    /// The next byte of the source that it wants; `None`: it wants no more.
    ///
    /// The first one is the known start, or the byte before the range. Past the range's end it
    /// wants what is left of the last record, for every reading that is still possible: little as a
    /// rule, so fetch little at a time there.
    pub fn wants(&self) -> Option<u64> {
        let half = self.wide.as_ref().is_some_and(|wide| wide.units.is_inside());
        (!self.ended && !self.is_done()).then(|| self.byte(self.buffered_to()) + u64::from(half))
    }

    /// Takes in the bytes at [`wants`](Self::wants). `end_of_source`: no bytes come after them;
    /// there may be none of them then.
    pub fn push(&mut self, bytes: &[u8], end_of_source: bool) {
        // Another reading may stand before a token whose bytes are not all there.
        let kept = self
            .others
            .iter()
            .map(|other| (other.at.saturating_sub(self.buffered_from)) as usize)
            .min();
        let done = self.head.min(kept.unwrap_or(self.head));
        if done > 0 {
            self.buffer.drain(..done);
            if let Some(wide) = &mut self.wide {
                wide.source.drain(..(2 * done).min(wide.source.len()));
            }
            self.buffered_from += done as u64;
            self.head -= done;
        }
        match &mut self.wide {
            None => self.buffer.extend_from_slice(bytes),
            Some(wide) => {
                wide.source.extend_from_slice(bytes);
                wide.units.push(bytes, &mut self.buffer);
                wide.is_short |= end_of_source && wide.units.finish(&mut self.buffer);
            }
        }
        self.ended |= end_of_source;
    }

    /// Puts the next rows, at most `max_rows`, in `rows`. `None`: push more, unless it wants no
    /// more.
    ///
    /// # Errors
    ///
    /// A row is longer than the limit. If that is [certain](LongRow::certain), the source can't be
    /// read. Else the shard may have guessed its start wrong: what it handed out is void, but it is
    /// to be fed on, since its tile tells where it should have started.
    pub fn next(
        &mut self,
        max_rows: usize,
        rows: &mut Rows,
    ) -> Result<Option<RowBatch<'_>>, LongRow> {
        rows.clear();
        if self.phase == Phase::Choosing {
            self.choose(rows);
        }
        let first = match self.phase {
            Phase::Reading { first } => first,
            Phase::Choosing => return Ok(None),
            Phase::Ended { .. } | Phase::Nothing => {
                self.follow(None);
                return Ok(None);
            }
        };
        let window = &self.buffer[self.head..];
        if window.len() < self.patience && !self.ended {
            return Ok(None);
        }
        let at = self.buffered_from + self.head as u64;
        let stop = usize::try_from(self.range.end - at).unwrap_or(usize::MAX);
        let read = self.lexer.read_until(window, self.ended, stop, max_rows, rows);
        let taken = match read {
            Ok(taken) => taken,
            Err(long) => {
                self.phase = Phase::Ended { first, end: None };
                self.follow(Some(Taken { rows, at, next_row: at }));
                return Err(LongRow {
                    at: self.byte(at + long.at),
                    limit: self.record_bytes,
                    certain: self.known,
                });
            }
        };
        self.patience = if taken == 0 { window.len() + window.len() / 2 } else { 0 };
        let batch_from = self.head;
        self.head += taken;
        let next_row = at + taken as u64;
        if next_row >= self.range.end || (self.ended && self.head == self.buffer.len()) {
            self.phase = Phase::Ended { first, end: Some(next_row) };
        }
        self.follow(Some(Taken { rows, at, next_row }));
        if rows.rows.is_empty() {
            return Ok(None);
        }
        let (lines, records) = (self.lines, self.records);
        for row in &rows.rows {
            self.lines += u64::from(row.lines);
            self.records += u64::from(row.kind == RowKind::Record);
        }
        let window = &self.buffer[batch_from..];
        let source = self.wide.as_ref().map_or(window, |wide| &wide.source[2 * batch_from..]);
        Ok(Some(RowBatch { window, source, at: self.byte(at), lines, records }))
    }

    /// The tile of the shard, once it [wants](Self::wants) no more bytes. A reading that was dropped
    /// before its end has no end.
    pub fn finish(&self) -> Tile {
        let to = if self.ended {
            self.bytes.end.min(self.byte(self.buffered_to()))
        } else {
            self.bytes.end
        };
        let taken = match self.phase {
            Phase::Reading { first } => Some(Reading { first, end: None }),
            Phase::Ended { first, end } => Some(Reading { first, end }),
            Phase::Choosing | Phase::Nothing => None,
        };
        let end_of = |fate: &Fate| match *fate {
            Fate::Merged => taken.and_then(|taken| taken.end),
            Fate::Ended(end) => Some(end),
            Fate::LongRow => None,
        };
        let settled =
            self.settled.iter().map(|(first, fate)| Reading { first: *first, end: end_of(fate) });
        let left = self
            .others
            .iter()
            .filter_map(|other| other.first.map(|first| Reading { first, end: None }));
        let mut readings: Vec<Reading> = taken.into_iter().chain(settled).chain(left).collect();
        readings.sort_by_key(|reading| reading.first);
        readings.dedup();
        let taken = taken
            .and_then(|taken| readings.iter().position(|reading| reading.first == taken.first));
        for reading in &mut readings {
            *reading = Reading {
                first: self.byte(reading.first),
                end: reading.end.map(|end| self.byte(end)),
            };
        }
        Tile {
            from: self.bytes.start,
            to,
            readings,
            taken,
            lines: self.lines,
            records: self.records,
        }
    }

    /// The byte of the source at which the unit at `position` begins.
    fn byte(&self, position: u64) -> u64 {
        match &self.wide {
            None => position,
            Some(wide) => 2 * position - u64::from(wide.is_short && position == self.buffered_to()),
        }
    }

    fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. } | Phase::Nothing) && self.others.is_empty()
    }

    fn buffered_to(&self) -> u64 {
        self.buffered_from + self.buffer.len() as u64
    }

    /// Chooses the reading to transform, if enough bytes are there to judge by. What is chosen does
    /// not depend on how they came.
    fn choose(&mut self, scratch: &mut Rows) {
        let bytes =
            Bytes { from: self.buffered_from, bytes: &self.buffer, end_of_source: self.ended };
        let (grammar, limit, range) = (self.lexer.grammar(), self.lexer.limit(), &self.range);
        if self.others.is_empty() {
            let Some(beginnings) = grammar.beginnings(bytes.bytes, bytes.end_of_source) else {
                return;
            };
            let row = bytes.from;
            self.others.extend(beginnings.into_iter().map(|(rest, state)| Follower {
                at: row + rest as u64,
                state,
                row,
                first: None,
            }));
        }
        self.others.retain_mut(|other| {
            other.first.is_some() || other.find_first(grammar, bytes, limit, range)
        });
        self.others.sort_unstable();
        self.others.dedup();
        let Some(earliest) = self.others.iter().filter_map(|other| other.first).min() else {
            if self.others.is_empty() {
                self.phase = Phase::Nothing;
            }
            self.head = self.buffer.len();
            return;
        };
        let sample_end = (earliest + SAMPLE_BYTES).min(self.range.end);
        if bytes.end() < sample_end && !self.ended {
            return;
        }
        let sample = Bytes {
            bytes: &self.buffer[..(sample_end.min(bytes.end()) - self.buffered_from) as usize],
            ..bytes
        };
        let mut best = None;
        for first in
            self.others.iter().filter_map(|other| other.first).filter(|first| *first < sample_end)
        {
            let (good, bad) =
                judge(&mut self.lexer, sample.after(first), self.expected_fields, scratch);
            let score = (std::cmp::Reverse(good), bad, first);
            best = best.min(Some(score)).or(Some(score));
        }
        let first = best.map_or(earliest, |(_, _, first)| first);
        self.others.retain(|other| other.first != Some(first));
        self.head = (first - self.buffered_from) as usize;
        self.phase = Phase::Reading { first };
    }

    /// Lets the other readings come after the taken one, or, when that is done, go on alone.
    fn follow(&mut self, taken: Option<Taken<'_>>) {
        let to = taken.map_or(self.buffered_to(), |taken| taken.next_row);
        let bytes = Bytes {
            from: self.buffered_from,
            bytes: &self.buffer[..(to - self.buffered_from) as usize],
            end_of_source: self.ended && to == self.buffered_to(),
        };
        let (grammar, limit, range, settled) =
            (self.lexer.grammar(), self.lexer.limit(), &self.range, &mut self.settled);
        self.others.retain_mut(|other| {
            if other.at > to {
                return true;
            }
            if other.first.is_none() && !other.find_first(grammar, bytes, limit, range) {
                return false;
            }
            let Some(first) = other.first else { return true };
            let fate = other.find_fate(grammar, bytes, limit, range, taken);
            settled.extend(fate.map(|fate| (first, fate)));
            fate.is_none()
        });
        if taken.is_none() {
            self.head = self.buffer.len();
        }
    }
}

/// The rows that the taken reading has just read.
#[derive(Clone, Copy)]
struct Taken<'a> {
    rows: &'a Rows,
    /// The byte of the source at which the first of them starts.
    at: u64,
    /// The byte at which the next one starts.
    next_row: u64,
}

impl Taken<'_> {
    fn starts_row_at(&self, at: u64) -> bool {
        let is_read = |offset: u64| {
            self.rows.rows.binary_search_by_key(&offset, |row| u64::from(row.start)).is_ok()
        };
        at == self.next_row || at.checked_sub(self.at).is_some_and(is_read)
    }
}

impl Follower {
    /// Goes on to the first row start inside the range, if the bytes hold it. Returns false once it
    /// is known that there is none.
    fn find_first(
        &mut self,
        grammar: &Grammar,
        bytes: Bytes<'_>,
        limit: usize,
        range: &Range<u64>,
    ) -> bool {
        loop {
            match self.step(grammar, bytes, limit) {
                Step::RowStart
                    if self.at >= range.end || (bytes.end_of_source && self.at == bytes.end()) =>
                {
                    return false;
                }
                Step::RowStart if self.at < range.start => {}
                Step::RowStart => {
                    self.first = Some(self.at);
                    return true;
                }
                Step::BytesEnd => return self.at < range.end && !bytes.end_of_source,
                Step::LongRow => return false,
            }
        }
    }

    /// Goes on from row start to row start until it is known what becomes of the reading, or the
    /// bytes end.
    fn find_fate(
        &mut self,
        grammar: &Grammar,
        bytes: Bytes<'_>,
        limit: usize,
        range: &Range<u64>,
        taken: Option<Taken<'_>>,
    ) -> Option<Fate> {
        loop {
            if self.state == State::Row && self.row == self.at {
                if taken.is_some_and(|taken| taken.starts_row_at(self.at)) {
                    return Some(Fate::Merged);
                }
                if self.at >= range.end || (bytes.end_of_source && self.at == bytes.end()) {
                    return Some(Fate::Ended(self.at));
                }
            }
            match self.step(grammar, bytes, limit) {
                Step::RowStart => self.state = State::Row,
                Step::BytesEnd => return None,
                Step::LongRow => return Some(Fate::LongRow),
            }
        }
    }
}

/// How many records of a sample are as they should be, and how many are not.
fn judge(
    lexer: &mut Lexer,
    sample: &[u8],
    expected_fields: usize,
    rows: &mut Rows,
) -> (usize, usize) {
    if lexer.read(sample, false, usize::MAX, rows).is_err() {
        return (0, 0);
    }
    let records = rows.rows.iter().filter(|row| row.kind == RowKind::Record);
    let is_good = |row: &&super::Row| row.fields as usize == expected_fields && !row.faulty;
    let good = records.clone().filter(is_good).count();
    (good, records.count() - good)
}
