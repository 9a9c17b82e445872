//! Any split equals sequential.

use std::ops::Range;

use landing::dialect::Dialect;
use landing::lines::LineCounter;
use landing::records::{Holdback, Lexer, Limits, LongRow, Rows, ShardReader, Tile, footer_start, tile};

use crate::dialects::{Reading, Seen, dialect, narrowed, see, sequential};
use crate::input::Input;

/// How a source is split and fed.
struct Split {
    limits: Limits,
    data_start: u64,
    ranges: Vec<Range<u64>>,
    expected_fields: usize,
    /// Bytes of a piece.
    piece: usize,
    max_rows: usize,
}

/// Of any bytes, in any dialect, in shards of any size, fed in pieces of any size: the tiles prove that all was read once; rows, faults and positions are those of sequential
/// reading; and a row that is too long is the same one. A footer is the same in a stream.
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
    let (piece, max_rows) = (1 + input.below(80), 1 + input.below(16));
    let (shard, shards) = ((1 + input.byte() as usize) * unit, 1 + input.below(12));
    let source = input.rest();
    let data_start = data_start.min(source.len() / unit * unit);
    let cuts = (1..shards).map(|index| (index * shard) as u64).take_while(|cut| *cut < source.len() as u64);
    let cuts: Vec<u64> = [0].into_iter().chain(cuts).chain([source.len() as u64]).collect();
    let ranges = cuts.windows(2).map(|pair| pair[0]..pair[1]).collect();
    let split = Split { limits, data_start: data_start as u64, ranges, expected_fields, piece, max_rows };

    let in_units = Limits { record_bytes: limits.record_bytes / unit as u32 };
    let lexer = Lexer::new(&dialect, in_units);
    let mut expected = sequential(lexer, &dialect, &narrowed(&dialect, source), data_start / unit);
    let found = split.read(&dialect, source);
    if found.too_long.is_some() {
        expected.rows.clear();
    }
    assert_eq!(found, expected, "{dialect:?}");
    a_footer_in_a_stream(&dialect, source, piece);
}

impl Split {
    /// All shards, the wrong ones once more, and their rows together.
    fn read(&self, dialect: &Dialect, source: &[u8]) -> Reading {
        let length = source.len() as u64;
        let mut seen = Vec::new();
        let mut tiles = Vec::new();
        for range in &self.ranges {
            let (rows, found) = self.shard(dialect, source, range, (self.data_start >= range.start).then_some(self.data_start));
            seen.push(rows);
            match found {
                Ok(tile) => tiles.push(tile),
                Err(long) => return Reading { rows: Vec::new(), too_long: Some(long.at) },
            }
        }
        let tiling = tile(&tiles, self.data_start, length).expect("the shards are of one source");
        for (index, first) in tiling.wrong {
            let (rows, found) = self.shard(dialect, source, &self.ranges[index], Some(first));
            seen[index] = rows;
            match found {
                Ok(tile) => tiles[index] = tile,
                Err(long) => return Reading { rows: Vec::new(), too_long: Some(long.at) },
            }
        }
        let tiling = tile(&tiles, self.data_start, length).expect("the shards are of one source");
        assert_eq!(tiling.wrong, [], "two rounds are enough");
        let mut rows = Vec::new();
        for (shard, base) in seen.into_iter().zip(tiling.bases) {
            rows.extend(shard.into_iter().map(|row| Seen { line: row.line + base.lines, record: row.record + base.records, ..row }));
        }
        Reading { rows, too_long: None }
    }

    fn shard(&self, dialect: &Dialect, source: &[u8], range: &Range<u64>, first: Option<u64>) -> (Vec<Seen>, Result<Tile, LongRow>) {
        let mut reader = ShardReader::new(dialect, range.clone(), first, self.expected_fields, self.limits);
        let (mut rows, mut seen) = (Rows::default(), Vec::new());
        while let Some(at) = reader.wants() {
            let rest = &source[at as usize..];
            let piece = &rest[..rest.len().min(self.piece)];
            reader.push(piece, piece.len() == rest.len());
            loop {
                match reader.next(self.max_rows, &mut rows) {
                    Ok(Some(batch)) => {
                        assert!(rows.rows.len() <= self.max_rows);
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
fn a_footer_in_a_stream(dialect: &Dialect, source: &[u8], piece: usize) {
    let start = footer_start(dialect, source, true).expect("it is whole");
    let (mut holdback, mut passed) = (Holdback::new(dialect), Vec::new());
    for piece in source.chunks(piece) {
        let (at, bytes) = holdback.pass(piece).expect("it is short");
        assert_eq!(at, passed.len() as u64);
        passed.extend_from_slice(bytes);
    }
    assert_eq!(&passed, &source[..start], "{dialect:?}");
    let lines = LineCounter::new(dialect).count(&source[start..]);
    let wanted = u64::from(dialect.footer_rows);
    assert!(lines <= wanted && (start == 0 || lines + 1 >= wanted), "{lines} lines of {dialect:?}");
}
