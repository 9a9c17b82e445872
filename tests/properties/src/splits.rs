//! Checks that any split equals a reading from the start.

#[cfg(test)]
mod tests;

use std::ops::Range;

use csv_records::dialect::{Dialect, Terminator};
use csv_records::encoding::Encoding;
use csv_records::line_counter::LineCounter;
use csv_records::{Holdback, Lexer, Limits, LongRow, Rows, ShardReader, Tile, footer_start, tile};

use crate::dialects::dialect;
use crate::input::Input;
use crate::readings::{Reading, Seen, narrowed, see, sequential};

/// How a source is split.
struct Split {
    limits: Limits,
    data_start: u64,
    ranges: Vec<Range<u64>>,
    expected_fields: usize,
}

/// How bytes come: the sizes of pieces, over and over, and most rows of a batch.
#[derive(Debug, Clone)]
struct Feed {
    pieces: Vec<usize>,
    max_rows: usize,
}

/// For any bytes, in any dialect, in shards of any size, fed in pieces of any size: the tiles prove
/// that all was read once; rows, faults and positions are those of sequential reading; and a row
/// that is too long is the same one. A footer is the same in a stream.
pub fn splits(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let dialect = dialect(&mut input);
    let unit = dialect.encoding.unit_bytes();
    let limits = match input.byte() {
        byte @ 1..64 => Limits { record_bytes: byte.into() },
        _ => Limits::default(),
    };
    let data_start = input.below(24).saturating_sub(12) * unit;
    let expected_fields = 1 + input.below(4);
    let feed = Feed { pieces: vec![1 + input.below(80)], max_rows: 1 + input.below(16) };
    let (shard, shards) = ((1 + input.byte() as usize) * unit, 1 + input.below(12));
    let source = input.rest();
    let data_start = data_start.min(source.len() / unit * unit) as u64;
    let cuts = (1..shards)
        .map(|index| (index * shard) as u64)
        .take_while(|cut| *cut < source.len() as u64);
    let split = Split { limits, data_start, ranges: ranges(cuts, source), expected_fields };
    split.check(&dialect, source, &feed);
    a_footer_in_a_stream(&dialect, source, &feed);
}

/// A source cut at those bytes.
fn ranges(cuts: impl Iterator<Item = u64>, source: &[u8]) -> Vec<Range<u64>> {
    let cuts: Vec<u64> = [0].into_iter().chain(cuts).chain([source.len() as u64]).collect();
    cuts.windows(2).map(|pair| pair[0]..pair[1]).collect()
}

impl Split {
    /// It gives what reading the source from the start gives. Answers how many shards guessed
    /// wrong.
    fn check(&self, dialect: &Dialect, source: &[u8], feed: &Feed) -> usize {
        let unit = dialect.encoding.unit_bytes();
        let lexer =
            Lexer::new(dialect, Limits { record_bytes: self.limits.record_bytes / unit as u32 });
        let mut expected =
            sequential(lexer, dialect, &narrowed(dialect, source), self.data_start as usize / unit);
        let (found, wrong) = self.read(dialect, source, feed);
        if found.too_long.is_some() {
            expected.rows.clear();
        }
        assert_eq!(
            found,
            expected,
            "{dialect:?}, {:?} in {:?}",
            String::from_utf8_lossy(source),
            self.ranges
        );
        wrong
    }

    /// All shards, the wrong ones once more, and their rows together, unless one is too long. Also
    /// answers how many were wrong.
    fn read(&self, dialect: &Dialect, source: &[u8], feed: &Feed) -> (Reading, usize) {
        let length = source.len() as u64;
        let mut seen = Vec::new();
        let mut tiles = Vec::new();
        for range in &self.ranges {
            let (rows, found) = self.shard(
                dialect,
                source,
                range,
                (self.data_start >= range.start).then_some(self.data_start),
                feed,
            );
            seen.push(rows);
            match found {
                Ok(tile) => tiles.push(tile),
                // Certain, so nothing before it can be wrong but guesses: the job has failed.
                Err(long) => return (Reading { rows: Vec::new(), too_long: Some(long.at) }, 0),
            }
        }
        let tiling = tile(&tiles, self.data_start, length).expect("the shards are of one source");
        let wrong = tiling.wrong.len();
        for (index, first) in tiling.wrong {
            let (rows, found) = self.shard(dialect, source, &self.ranges[index], Some(first), feed);
            seen[index] = rows;
            match found {
                Ok(tile) => tiles[index] = tile,
                Err(long) => return (Reading { rows: Vec::new(), too_long: Some(long.at) }, wrong),
            }
        }
        let tiling = tile(&tiles, self.data_start, length).expect("the shards are of one source");
        assert_eq!(tiling.wrong, [], "two rounds are enough");
        let mut rows = Vec::new();
        for (shard, base) in seen.into_iter().zip(tiling.bases) {
            rows.extend(shard.into_iter().map(|row| Seen {
                line: row.line + base.lines,
                record: row.record + base.records,
                ..row
            }));
        }
        (Reading { rows, too_long: None }, wrong)
    }

    fn shard(
        &self,
        dialect: &Dialect,
        source: &[u8],
        range: &Range<u64>,
        first: Option<u64>,
        feed: &Feed,
    ) -> (Vec<Seen>, Result<Tile, LongRow>) {
        let mut reader =
            ShardReader::new(dialect, range.clone(), first, self.expected_fields, self.limits);
        let (mut rows, mut seen) = (Rows::default(), Vec::new());
        let mut pieces = feed.pieces.iter().cycle();
        while let Some(at) = reader.wants() {
            let rest = &source[at as usize..];
            let piece = &rest[..rest.len().min(*pieces.next().expect("a cycle has no end"))];
            reader.push(piece, piece.len() == rest.len());
            loop {
                match reader.next(feed.max_rows, &mut rows) {
                    Ok(Some(batch)) => {
                        assert!(rows.rows.len() <= feed.max_rows);
                        see(dialect, batch, &rows, &mut seen);
                    }
                    Ok(None) => break,
                    Err(long) if long.certain => return (seen, Err(long)),
                    Err(_) => {}
                }
            }
        }
        (seen, Ok(reader.finish()))
    }
}

/// A footer is held back as it is cut off, and has as many lines as it should.
fn a_footer_in_a_stream(dialect: &Dialect, source: &[u8], feed: &Feed) {
    let unit = dialect.encoding.unit_bytes();
    let start = footer_start(dialect, source, true).expect("it is whole");
    let (mut holdback, mut passed, mut rest) = (Holdback::new(dialect), Vec::new(), source);
    let mut pieces = feed.pieces.iter().cycle();
    while !rest.is_empty() {
        let (piece, later) =
            rest.split_at(rest.len().min(*pieces.next().expect("a cycle has no end")));
        let (at, bytes) = holdback.pass(piece).expect("it is short");
        assert_eq!(at, passed.len() as u64);
        passed.extend_from_slice(bytes);
        rest = later;
    }
    assert_eq!(&passed, &source[..start], "{dialect:?}");
    let mut footer = narrowed(dialect, &source[start..(source.len() / unit * unit).max(start)]);
    // Blank lines at the end do not count.
    let is_end = |byte: &u8| match byte {
        b'\n' => dialect.line_terminator != Terminator::Cr,
        b'\r' => dialect.line_terminator != Terminator::Lf,
        _ => false,
    };
    footer.truncate(footer.iter().rposition(|byte| !is_end(byte)).map_or(0, |last| last + 1));
    let lines =
        LineCounter::new(&Dialect { encoding: Encoding::UTF_8, ..dialect.clone() }).count(&footer);
    let wanted = u64::from(dialect.footer_rows);
    assert!(
        lines < wanted.max(1) && (start == 0 || lines + 1 >= wanted),
        "{lines} lines of {dialect:?}"
    );
}
