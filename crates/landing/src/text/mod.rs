//! Turns columns into files of text: CSV and JSON Lines.
//!
//! Rows become text column by column, and lines of it row by row. Values are exact: decimals have
//! the digits of their scale, floats the fewest that are read back as the same, dates, times and
//! moments are those of ISO 8601. Text is packed in blocks, each of them a gzip member or a
//! Zstandard frame, so that all files of a shard share what packs them.

mod cells;
mod csv;
mod jsonl;
mod pack;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use job::{Error, ErrorKind};
use parquet_pages::SharedBuffer;
use wording::Unquoted;

use cells::Cells;

pub use pack::Packer;

/// Bytes of text that are packed at once, about.
const BLOCK_BYTES: usize = 1 << 20;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// RFC 4180, with a header. A null is an empty field, an empty text is `""`. In a file of one
    /// column both are `""`: an empty line would be no record.
    Csv,
    /// The same, but no text of it is a formula to a spreadsheet.
    GuardedCsv,
    /// An object a row, with a member for each column.
    Jsonl,
}

/// What all files of a shard have in common.
#[derive(Debug)]
pub struct TextSchema {
    form: Form,
    columns: SchemaRef,
    /// What a file begins with.
    head: Vec<u8>,
    /// What stands before each value of a row.
    leads: Vec<Vec<u8>>,
}

/// A file that grows by blocks.
pub struct TextWriter {
    schema: Arc<TextSchema>,
    sink: SharedBuffer,
    /// Text that is not packed yet.
    text: Vec<u8>,
}

impl Form {
    /// What texts may begin with, of a form of CSV.
    fn beginnings(self) -> Option<csv::Beginnings> {
        match self {
            Self::Csv => Some(csv::Beginnings::Any),
            Self::GuardedCsv => Some(csv::Beginnings::NoFormula),
            Self::Jsonl => None,
        }
    }
}

impl TextSchema {
    /// That of columns.
    pub fn new(form: Form, columns: SchemaRef) -> Self {
        let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
        let (head, leads) = match form.beginnings() {
            Some(beginnings) => (csv::header(&names, beginnings), csv::leads(names.len())),
            None => (Vec::new(), jsonl::leads(&names)),
        };
        Self { form, columns, head, leads }
    }

    fn write(&self, batch: &RecordBatch, text: &mut Vec<u8>) -> Result<(), Error> {
        let columns = self.columns.fields().iter().zip(batch.columns());
        let cells = columns
            .map(|(field, array)| Cells::new(field.name(), array))
            .collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            match self.form.beginnings() {
                Some(beginnings) => csv::write_row(&self.leads, &cells, row, beginnings, text),
                None => jsonl::write_row(&self.leads, &cells, row, text),
            }
        }
        Ok(())
    }
}

impl TextWriter {
    /// Begins a file.
    pub fn new(sink: SharedBuffer, schema: Arc<TextSchema>) -> Self {
        Self { text: schema.head.clone(), schema, sink }
    }

    /// Takes in the next rows.
    pub fn write(&mut self, batch: &RecordBatch, packer: &mut Packer) -> Result<(), Error> {
        self.schema.write(batch, &mut self.text)?;
        if self.text.len() >= BLOCK_BYTES { self.flush(packer) } else { Ok(()) }
    }

    /// Bytes that it keeps.
    pub fn memory(&self) -> usize {
        self.text.capacity()
    }

    /// Whether there is nothing to be flushed.
    pub fn is_flushed(&self) -> bool {
        self.text.is_empty()
    }

    /// Packs and writes the text so far. The file ends with the last one.
    pub fn flush(&mut self, packer: &mut Packer) -> Result<(), Error> {
        if self.is_flushed() {
            return Ok(());
        }
        let packed = packer.pack(std::mem::take(&mut self.text))?;
        self.sink.write_all(&packed).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("writing text: {}", error.unquoted()))
        })
    }
}
