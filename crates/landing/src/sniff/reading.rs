//! Reads the sample in one dialect, and measures how well it fits.

use std::collections::{HashMap, HashSet};

use contract::Schema;
use contract::values::trim;
use csv_records::dialect::Dialect;
use csv_records::{Field, Lexer, Limits, Row, RowKind, Rows, ends_with_delimiter};

use super::cells::{Kind, kind, likeness};
use crate::batch::is_header;

/// What comments start with.
pub(super) const COMMENT: u8 = b'#';
/// Most rows that are read of a sample.
const MOST_ROWS: usize = 4_000;
/// Most records whose cells are looked at.
const MOST_LOOKED_AT: usize = 200;
/// Most records before a header.
const MOST_PREAMBLE: usize = 100;
/// What a reading with one column is worth, beside one with two: (2 - 1) / 2.
const ONE_COLUMN: f64 = 0.45;

/// A reading, and how well it fits.
pub(super) struct Reading<'a> {
    pub(super) dialect: Dialect,
    window: &'a [u8],
    rows: Rows,
    /// Those rows that are records.
    records: Vec<Row>,
    /// The position of the first of them that is not before the header.
    pub(super) first: usize,
    /// Fields that most records have.
    pub(super) columns: u32,
    /// Records from `first` on with so many fields.
    pub(super) conforming: usize,
    /// Records from `first` on with faults of quoting.
    pub(super) faulty: usize,
    /// Fields between quotes, without faults.
    pub(super) enclosed: usize,
    /// Rows that are comments.
    pub(super) comments: usize,
    /// How many of the contract's fields the record at `first` names.
    pub(super) names: usize,
    /// How much of the sample could be read: less than 1 where a quote stays open.
    coverage: f64,
    /// From 0 to 1: how much the cells look like values.
    pub(super) likeness: f64,
    /// How well it fits; the higher the better.
    pub(super) score: f64,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        dialect: Dialect,
        window: &'a [u8],
        ended: bool,
        schema: Option<&Schema>,
    ) -> Self {
        let mut rows = Rows::default();
        let taken = Lexer::new(&dialect, Limits::default())
            .read(window, ended, MOST_ROWS, &mut rows)
            .unwrap_or(0);
        let comments = rows.rows.iter().filter(|row| row.kind == RowKind::Comment).count();
        let is_all = rows.rows.len() == MOST_ROWS;
        let coverage =
            if is_all || window.is_empty() { 1.0 } else { taken as f64 / window.len() as f64 };
        let mut new = Self { comments, coverage, ..Self::of_rows(dialect, window, rows) };
        if let Some(schema) = schema {
            new.find_names(schema);
        }
        new.measure(schema);
        new
    }

    /// Rows that were read with a dialect; nothing else is known of them.
    pub(super) fn of_rows(dialect: Dialect, window: &'a [u8], rows: Rows) -> Self {
        let records: Vec<Row> =
            rows.rows.iter().filter(|row| row.kind == RowKind::Record).copied().collect();
        let mut new = Self {
            dialect,
            window,
            rows,
            records,
            first: 0,
            columns: 0,
            conforming: 0,
            faulty: 0,
            enclosed: 0,
            comments: 0,
            names: 0,
            coverage: 1.0,
            likeness: 0.0,
            score: 0.0,
        };
        new.find_columns();
        new
    }

    /// The bytes that are read.
    pub(super) fn window(&self) -> &'a [u8] {
        self.window
    }

    /// All rows, records or not.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows.rows
    }

    /// All records.
    pub(super) fn records(&self) -> &[Row] {
        &self.records
    }

    /// A cell as it is written, without its quotes.
    pub(super) fn raw(&self, cell: Field) -> &'a [u8] {
        cell.bytes(self.window)
    }

    /// Records from the header, or the first one, on.
    pub(super) fn body(&self) -> &[Row] {
        &self.records[self.first..]
    }

    pub(super) fn cells(&self, row: &Row) -> &[Field] {
        self.rows.fields_of(row)
    }

    /// Whether a delimiter ends a record.
    pub(super) fn ends(&self, row: &Row) -> bool {
        row.fields > 1 && ends_with_delimiter(self.cells(row))
    }

    /// Whether a record is the header again, cell for cell.
    pub(super) fn is_again(&self, head: &Row, row: &Row) -> bool {
        let name = |cell: &Field| String::from_utf8_lossy(&self.text(*cell)).into_owned();
        let names: Vec<String> = self.cells(head).iter().map(name).collect();
        row.fields == head.fields && is_header(&names, self.cells(row), self.window, &self.dialect)
    }

    /// The text of a cell.
    pub(super) fn text(&self, cell: Field) -> Vec<u8> {
        cell.value(self.window, &self.dialect, &mut Vec::new()).to_vec()
    }

    /// Records that do not fit, and some more if much could not be read at all.
    pub(super) fn flaws(&self) -> usize {
        let unread = if self.coverage < 0.5 { self.records.len() + 1 } else { 0 };
        self.body().len() - self.conforming + self.faulty + unread
    }

    /// Inner cells that are not empty, how many of them start with a space, and how many of those
    /// are text, in the records from `from` on: the space is a part of it.
    pub(super) fn spaced(&self, from: usize) -> (usize, usize, usize) {
        let rows = self.body().iter().enumerate();
        let inner = rows
            .flat_map(|(index, row)| self.cells(row).iter().skip(1).map(move |cell| (index, cell)));
        let filled = inner.filter(|(_, cell)| cell.start() < cell.end() && !cell.is_quoted());
        filled.fold((0, 0, 0), |(all, spaced, texts), (index, cell)| {
            let is_spaced = self.window[cell.start()] == b' ';
            let is_text = is_spaced && index >= from && kind(self.raw(*cell)) == Kind::Text;
            (all + 1, spaced + usize::from(is_spaced), texts + usize::from(is_text))
        })
    }

    /// Records from `first` on that start with `byte`: how many fit, and how many do not.
    pub(super) fn starting_with(&self, byte: u8) -> (usize, usize) {
        let starting = self.body().iter().filter(|row| self.window[row.start as usize] == byte);
        let fits = starting.map(|row| row.fields == self.columns);
        fits.fold(
            (0, 0),
            |(fitting, others), fits| {
                if fits { (fitting + 1, others) } else { (fitting, others + 1) }
            },
        )
    }

    /// Whether no row stands between the record at `index` and the next one.
    pub(super) fn follows_at_once(&self, index: usize) -> bool {
        matches!(self.records.get(index..index + 2), Some([row, next]) if row.end == next.start)
    }

    /// Lines before the record at `index`.
    pub(super) fn lines_before(&self, index: usize) -> u32 {
        let before = &self.window
            [..self.records.get(index).map_or(self.window.len(), |row| row.start as usize)];
        super::line_ends(before, self.dialect.line_terminator).count() as u32
    }

    /// How many fields most records have, and from which one on. What comes before has at most half
    /// as many: a title, notes.
    ///
    /// Rows that look like comments have no say, unless there are no others.
    fn find_columns(&mut self) {
        let is_comment = |row: &Row| self.window[row.start as usize] == COMMENT;
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for row in self.records.iter().filter(|row| !is_comment(row)) {
            *counts.entry(row.fields).or_default() += 1;
        }
        if counts.is_empty() {
            self.records.iter().for_each(|row| *counts.entry(row.fields).or_default() += 1);
        }
        let Some((columns, count)) =
            counts.into_iter().max_by_key(|(fields, count)| (*count, *fields))
        else {
            return;
        };
        self.columns = columns;
        let mut first = self.records.iter().position(|row| row.fields == columns).unwrap_or(0);
        if first.checked_sub(1).is_some_and(|above| self.may_head(above, columns)) {
            first -= 1;
        }
        let before = &self.records[..first];
        let is_preamble = before.iter().all(|row| row.fields <= (columns / 2).max(1));
        let is_enough = count >= 3 || (count == 2 && columns >= 3) || before.iter().all(is_comment);
        if columns > 1 && is_preamble && is_enough && first <= MOST_PREAMBLE {
            self.first = first;
        }
    }

    /// Whether a record of another length may be the header of records with so many fields: a
    /// delimiter ends it, or it has no label for the names of the rows.
    fn may_head(&self, index: usize, columns: u32) -> bool {
        let row = &self.records[index];
        (row.fields == columns + 1 && self.ends(row))
            || (columns > 2 && row.fields + 1 == columns && !self.ends(row))
    }

    /// Looks for a record with the names of the contract's fields: at least half of them.
    fn find_names(&mut self, schema: &Schema) {
        let known: HashSet<&[u8]> =
            schema.fields.iter().map(|field| field.name.as_bytes()).collect();
        let mut scratch = Vec::new();
        for (index, row) in self.records.iter().take(MOST_PREAMBLE).enumerate() {
            let cells = self.rows.fields_of(row).iter();
            let found = cells
                .filter(|cell| {
                    known.contains(trim(cell.value(self.window, &self.dialect, &mut scratch)))
                })
                .count();
            if found * 2 >= known.len() && found > self.names {
                (self.names, self.first, self.columns) = (found, index, row.fields);
            }
        }
    }

    fn measure(&mut self, schema: Option<&Schema>) {
        let body = &self.records[self.first..];
        if body.is_empty() {
            return;
        }
        let conforming: Vec<_> = body.iter().filter(|row| row.fields == self.columns).collect();
        self.conforming = conforming.len();
        self.faulty = body.iter().filter(|row| row.faulty).count();
        self.enclosed = body
            .iter()
            .filter(|row| !row.faulty)
            .flat_map(|row| self.rows.fields_of(row))
            .filter(|cell| cell.is_quoted())
            .count();
        let looked_at =
            conforming.iter().skip(usize::from(conforming.len() > 1)).take(MOST_LOOKED_AT);
        let mut scratch = Vec::new();
        let (mut sum, mut cells) = (0.0, 0);
        for cell in looked_at.flat_map(|row| self.rows.fields_of(row)) {
            sum += likeness(
                cell.value(self.window, &self.dialect, &mut scratch),
                cell.is_quoted(),
                self.dialect.delimiter.as_bytes(),
            );
            cells += 1;
        }
        self.likeness = sum / f64::from(cells.max(1));
        let share = self.conforming as f64 / body.len() as f64;
        let sound = 1.0 - self.faulty as f64 / body.len() as f64;
        let shape = if self.columns > 1 {
            f64::from(self.columns - 1) / f64::from(self.columns)
        } else {
            ONE_COLUMN
        };
        self.score = share * share * sound * self.coverage * self.likeness * shape;
        if let Some(schema) = schema {
            // More than any reading without names can have.
            self.score += 10.0 * self.names as f64 / schema.fields.len() as f64;
        }
    }
}
