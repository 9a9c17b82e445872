//! A Parquet file on its way.

use std::io::Write;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::SchemaDescriptor;

use super::codec::Compressor;
use super::page::{Chunk, broken};
use crate::Error;

/// Most rows of a row group.
const ROW_GROUP_ROWS: usize = 1_048_576;

/// What all files of a shard have in common.
#[derive(Debug)]
pub struct FileSchema {
    arrow: SchemaRef,
    parquet: SchemaDescriptor,
    properties: Arc<WriterProperties>,
}

/// A file that grows by row groups.
pub struct FileWriter<W: Write + Send> {
    schema: Arc<FileSchema>,
    writer: SerializedFileWriter<W>,
    /// The columns of the row group that grows.
    chunks: Vec<Chunk>,
    rows: usize,
}

impl FileSchema {
    /// That of columns.
    pub fn new(arrow: SchemaRef) -> Result<Self, Error> {
        let mut properties = WriterProperties::builder().set_created_by(concat!("landfall ", env!("CARGO_PKG_VERSION")).to_owned()).build();
        add_encoded_arrow_schema_to_metadata(&arrow, &mut properties);
        let parquet = ArrowSchemaConverter::new().convert(&arrow).map_err(broken)?;
        Ok(Self { arrow, parquet, properties: Arc::new(properties) })
    }

    /// The columns.
    pub fn arrow(&self) -> &SchemaRef {
        &self.arrow
    }

    fn chunks(&self) -> Result<Vec<Chunk>, Error> {
        let fields = self.arrow.fields().iter().zip(self.parquet.columns());
        fields.map(|(field, column)| Chunk::new(column.clone(), field.data_type())).collect()
    }
}

impl<W: Write + Send> FileWriter<W> {
    /// Begins a file.
    pub fn new(sink: W, schema: Arc<FileSchema>) -> Result<Self, Error> {
        let writer = SerializedFileWriter::new(sink, schema.parquet.root_schema_ptr(), schema.properties.clone()).map_err(broken)?;
        Ok(Self { chunks: schema.chunks()?, schema, writer, rows: 0 })
    }

    /// Takes in the next rows. Of each column of which all values have codes in a dictionary, it tells those that are new in it: whoever looked at all rows so
    /// far need not look at more of these.
    pub fn write(&mut self, batch: &RecordBatch, compressor: &mut Compressor) -> Result<Vec<Option<ArrayRef>>, Error> {
        let put = |(chunk, array): (&mut Chunk, &ArrayRef)| chunk.put(array.as_ref(), compressor);
        let new = self.chunks.iter_mut().zip(batch.columns()).map(put).collect::<Result<_, _>>()?;
        self.rows += batch.num_rows();
        if self.rows >= ROW_GROUP_ROWS {
            self.flush(compressor)?;
        }
        Ok(new)
    }

    /// Bytes that it keeps.
    pub fn memory(&self) -> usize {
        self.chunks.iter().map(Chunk::memory).sum()
    }

    /// Rows that are not written yet.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Writes the row group.
    pub fn flush(&mut self, compressor: &mut Compressor) -> Result<(), Error> {
        if self.rows == 0 {
            return Ok(());
        }
        let chunks = std::mem::replace(&mut self.chunks, self.schema.chunks()?);
        let mut row_group = self.writer.next_row_group().map_err(broken)?;
        for chunk in chunks {
            let (bytes, close) = chunk.finish(compressor)?;
            row_group.append_column(&bytes, close).map_err(broken)?;
        }
        row_group.close().map_err(broken)?;
        self.rows = 0;
        Ok(())
    }

    /// Ends the file; answers what its footer says.
    pub fn close(mut self, compressor: &mut Compressor) -> Result<ParquetMetaData, Error> {
        self.flush(compressor)?;
        self.writer.close().map_err(broken)
    }
}
