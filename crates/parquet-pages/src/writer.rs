//! Turns record batches into a Parquet file.

use std::sync::Arc;

use crate::Error;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::CompressionCodec;
use parquet::bloom_filter::Sbbf;
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{KeyValue, ParquetMetaData, SortingColumn};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::SchemaDescriptor;

use super::PAGE_BYTES;
use super::codec::Compressor;
use super::page::{ColumnChunk, broken};
use super::sorted::{self, Waiting};
use crate::SharedBuffer;

/// Most rows of a row group.
const ROW_GROUP_ROWS: usize = 1_048_576;
/// Encoded bytes at which a row group ends: it is in memory twice when it is written.
const ROW_GROUP_BYTES: usize = 12 << 20;

/// What all files of a shard have in common.
#[derive(Debug)]
pub struct FileSchema {
    arrow: SchemaRef,
    parquet: SchemaDescriptor,
    properties: Arc<WriterProperties>,
    /// Positions of columns with bloom filters.
    bloom: Vec<usize>,
    /// By what rows are sorted.
    sorting: Vec<SortingColumn>,
}

/// A file that grows by row groups.
pub struct FileWriter {
    schema: Arc<FileSchema>,
    sink: SharedBuffer,
    writer: SerializedFileWriter<SharedBuffer>,
    /// The columns of the row group that grows.
    chunks: Vec<ColumnChunk>,
    /// Rows that are sorted before they become columns of it.
    waiting: Waiting,
    rows: usize,
}

impl FileSchema {
    /// That of columns.
    pub fn new(arrow: SchemaRef) -> Result<Self, Error> {
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("landfall ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        add_encoded_arrow_schema_to_metadata(&arrow, &mut properties);
        let parquet = ArrowSchemaConverter::new().convert(&arrow).map_err(broken)?;
        Ok(Self {
            arrow,
            parquet,
            properties: Arc::new(properties),
            bloom: Vec::new(),
            sorting: Vec::new(),
        })
    }

    /// With bloom filters of these columns.
    pub fn with_bloom_filters(self, names: &[String]) -> Self {
        let bloom = names.iter().filter_map(|name| self.arrow.index_of(name).ok()).collect();
        Self { bloom, ..self }
    }

    /// With row groups that are sorted, and say so.
    pub fn with_sorting(self, sorting: Vec<SortingColumn>) -> Self {
        let told = (!sorting.is_empty()).then(|| sorting.clone());
        Self { sorting, ..self.with_properties(|properties| properties.set_sorting_columns(told)) }
    }

    /// With pairs of a key and a value in each footer, beside the columns' Arrow types.
    pub fn with_metadata(self, pairs: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let mut metadata = self.properties.key_value_metadata().cloned().unwrap_or_default();
        metadata.extend(pairs.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value)));
        self.with_properties(|properties| properties.set_key_value_metadata(Some(metadata)))
    }

    fn with_properties(
        self,
        change: impl FnOnce(WriterPropertiesBuilder) -> WriterPropertiesBuilder,
    ) -> Self {
        let properties = change(self.properties.as_ref().clone().into_builder()).build();
        Self { properties: Arc::new(properties), ..self }
    }

    /// The columns.
    pub fn arrow(&self) -> &SchemaRef {
        &self.arrow
    }

    fn chunks(&self) -> Result<Vec<ColumnChunk>, Error> {
        let fields = self.arrow.fields().iter().zip(self.parquet.columns()).enumerate();
        fields
            .map(|(index, (field, column))| {
                ColumnChunk::new(column.clone(), field.data_type(), self.bloom.contains(&index))
            })
            .collect()
    }
}

/// A whole file of these rows.
///
/// # Errors
///
/// A column has a type that no contract has, or the codec is none that [`Compressor`] has.
pub fn whole_file(rows: &RecordBatch, codec: CompressionCodec) -> Result<Vec<u8>, Error> {
    let mut compressor = Compressor::new(codec)?;
    let sink = SharedBuffer::default();
    let schema = Arc::new(FileSchema::new(rows.schema())?);
    let mut writer = FileWriter::new(sink.clone(), schema)?;
    writer.write(rows, &mut compressor)?;
    writer.close(&mut compressor)?;
    Ok(sink.take())
}

impl FileWriter {
    /// Begins a file.
    pub fn new(sink: SharedBuffer, schema: Arc<FileSchema>) -> Result<Self, Error> {
        let writer = SerializedFileWriter::new(
            sink.clone(),
            schema.parquet.root_schema_ptr(),
            schema.properties.clone(),
        )
        .map_err(broken)?;
        Ok(Self {
            chunks: schema.chunks()?,
            schema,
            sink,
            writer,
            waiting: Waiting::default(),
            rows: 0,
        })
    }

    /// Takes in the next rows. Of each column of which all values have codes in a dictionary, it
    /// tells those that are new in it: whoever looked at all rows so far need not look at more of
    /// these. It tells nothing of rows that are to be sorted.
    pub fn write(
        &mut self,
        batch: &RecordBatch,
        compressor: &mut Compressor,
    ) -> Result<Vec<Option<ArrayRef>>, Error> {
        self.rows += batch.num_rows();
        let new = if self.schema.sorting.is_empty() {
            self.put(batch, compressor)?
        } else {
            self.waiting.push(batch.clone());
            vec![None; batch.num_columns()]
        };
        if self.rows >= ROW_GROUP_ROWS || self.encoded_bytes() >= ROW_GROUP_BYTES {
            self.flush(compressor)?;
        }
        Ok(new)
    }

    fn put(
        &mut self,
        batch: &RecordBatch,
        compressor: &mut Compressor,
    ) -> Result<Vec<Option<ArrayRef>>, Error> {
        let put =
            |(chunk, array): (&mut ColumnChunk, &ArrayRef)| chunk.put(array.as_ref(), compressor);
        self.chunks.iter_mut().zip(batch.columns()).map(put).collect()
    }

    /// Bytes that it keeps.
    pub fn memory(&self) -> usize {
        self.waiting.memory() + self.chunks.iter().map(ColumnChunk::memory).sum::<usize>()
    }

    /// Bytes of the row group that grows, as far as they are encoded.
    pub fn encoded_bytes(&self) -> usize {
        self.chunks.iter().map(ColumnChunk::done_bytes).sum()
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
        if !self.schema.sorting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            sorted::each(&waiting, &self.schema.clone().sorting, |batch| {
                self.put(batch, compressor).map(drop)
            })?;
        }
        let chunks = std::mem::replace(&mut self.chunks, self.schema.chunks()?);
        let done: usize = chunks.iter().map(ColumnChunk::done_bytes).sum();
        // The pages that are not done yet are few. Of a small file there are no others, and room
        // for a whole one would be taken by each of very many files.
        if done > 0 {
            self.sink.reserve(done / 8 * 9 + PAGE_BYTES);
        }
        let mut row_group = self.writer.next_row_group().map_err(broken)?;
        for chunk in chunks {
            let (bytes, close) = chunk.finish(compressor)?;
            row_group.append_column(&bytes, close).map_err(broken)?;
        }
        row_group.close().map_err(broken)?;
        self.rows = 0;
        Ok(())
    }

    /// Takes over a row group of another file of the same schema as it stands there: pages,
    /// statistics, indexes and filters. What grows is written before it.
    pub fn copy_row_group(
        &mut self,
        file: &Bytes,
        metadata: &ArrowReaderMetadata,
        index: usize,
        compressor: &mut Compressor,
    ) -> Result<(), Error> {
        self.flush(compressor)?;
        let metadata = metadata.metadata();
        let page_index = metadata.page_index();
        let group = metadata.row_group(index);
        let mut row_group = self.writer.next_row_group().map_err(broken)?;
        for (position, column) in group.columns().iter().enumerate() {
            let close = ColumnCloseResult {
                bytes_written: column.compressed_size() as u64,
                rows_written: group.num_rows() as u64,
                metadata: column.clone(),
                bloom_filter: Sbbf::read_from_column_chunk(column, file).map_err(broken)?,
                column_index: page_index
                    .and_then(|pages| pages.column_index(index, position))
                    .cloned(),
                offset_index: page_index
                    .and_then(|pages| pages.offset_index(index, position))
                    .cloned(),
            };
            row_group.append_column(file, close).map_err(broken)?;
        }
        row_group.close().map_err(broken)?;
        Ok(())
    }

    /// Ends the file; answers what its footer says.
    pub fn close(mut self, compressor: &mut Compressor) -> Result<ParquetMetaData, Error> {
        self.flush(compressor)?;
        self.writer.close().map_err(broken)
    }
}
