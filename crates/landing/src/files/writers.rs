//! Writes the files of a shard, in the format of the contract.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use bytes::Bytes;
use contract::{Codec, Contract, Format, Packing};
use job::{Error, ErrorKind};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::CompressionCodec;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::metadata::SortingColumn;
use parquet_pages::SharedBuffer;
use parquet_pages::{Compressor, FileSchema, FileWriter};

use super::Lineage;
use crate::text::{Form, Packer, TextSchema, TextWriter};

/// Files by their positions, those that have ended left out, and what they share.
pub(super) enum Writers {
    Parquet { schema: Arc<FileSchema>, compressor: Compressor, open: BTreeMap<usize, FileWriter> },
    Text { schema: Arc<TextSchema>, packer: Packer, open: BTreeMap<usize, TextWriter> },
}

impl Writers {
    /// No file yet.
    pub(super) fn new(
        contract: &Contract,
        columns: SchemaRef,
        lineage: &Lineage,
    ) -> Result<Self, Error> {
        let text = |form: Form, packing: Packing, columns| {
            Ok(Self::Text {
                schema: Arc::new(TextSchema::new(form, columns)),
                packer: Packer::new(packing)?,
                open: BTreeMap::new(),
            })
        };
        let output = &contract.output;
        match output.format {
            Format::Parquet => {
                let sorting = output.sort_by.iter().filter_map(|key| {
                    let column_idx = columns.index_of(&key.field).ok()? as i32;
                    Some(SortingColumn {
                        column_idx,
                        descending: key.descending,
                        nulls_first: false,
                    })
                });
                let sorting = sorting.collect();
                let schema = FileSchema::new(columns).map_err(unwritten)?;
                let schema = schema
                    .with_bloom_filters(&output.bloom_filters)
                    .with_sorting(sorting)
                    .with_metadata([
                        ("landfall.job", lineage.job.clone()),
                        ("landfall.contract", format!("{} {}", contract.name, lineage.contract)),
                        ("landfall.source", lineage.source.clone()),
                    ]);
                let codec = match output.compression {
                    Codec::Zstd => CompressionCodec::ZSTD,
                    Codec::Snappy => CompressionCodec::SNAPPY,
                    Codec::Lz4Raw => CompressionCodec::LZ4_RAW,
                    Codec::None => CompressionCodec::UNCOMPRESSED,
                };
                let compressor = Compressor::new(codec).map_err(unwritten)?;
                Ok(Self::Parquet { schema: Arc::new(schema), compressor, open: BTreeMap::new() })
            }
            Format::Csv(packing) if output.formula_guard => {
                text(Form::GuardedCsv, packing, columns)
            }
            Format::Csv(packing) => text(Form::Csv, packing, columns),
            Format::Jsonl(packing) => text(Form::Jsonl, packing, columns),
        }
    }

    /// Opens a file.
    pub(super) fn open(&mut self, file: usize, sink: SharedBuffer) -> Result<(), Error> {
        match self {
            Self::Parquet { schema, open, .. } => {
                drop(open.insert(file, FileWriter::new(sink, schema.clone()).map_err(unwritten)?))
            }
            Self::Text { schema, open, .. } => {
                drop(open.insert(file, TextWriter::new(sink, schema.clone())))
            }
        }
        Ok(())
    }

    /// Writes rows to a file. Tells what its dictionaries learned, as [`FileWriter::write`] does.
    pub(super) fn write(
        &mut self,
        file: usize,
        batch: &RecordBatch,
    ) -> Result<Vec<Option<ArrayRef>>, Error> {
        match self {
            Self::Parquet { open, compressor, .. } => {
                find(open, file)?.write(batch, compressor).map_err(unwritten)
            }
            Self::Text { open, packer, .. } => {
                find(open, file)?.write(batch, packer)?;
                Ok(vec![None; batch.num_columns()])
            }
        }
    }

    /// Takes over a row group of another Parquet file as it stands there.
    pub(super) fn copy_row_group(
        &mut self,
        file: usize,
        from: &Bytes,
        metadata: &ArrowReaderMetadata,
        index: usize,
    ) -> Result<(), Error> {
        match self {
            Self::Parquet { open, compressor, .. } => find(open, file)?
                .copy_row_group(from, metadata, index, compressor)
                .map_err(unwritten),
            Self::Text { .. } => Err(Error::new(ErrorKind::Internal, "text has no row groups")),
        }
    }

    /// Bytes that a file is certain to grow by, besides those in its sink.
    pub(super) fn encoded_bytes(&self, file: usize) -> usize {
        match self {
            Self::Parquet { open, .. } => open.get(&file).map_or(0, FileWriter::encoded_bytes),
            Self::Text { .. } => 0,
        }
    }

    /// Bytes that all files keep.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Parquet { open, .. } => open.values().map(FileWriter::memory).sum(),
            Self::Text { open, .. } => open.values().map(TextWriter::memory).sum(),
        }
    }

    /// Writes out what the largest file keeps. False: it keeps nothing that could be.
    pub(super) fn flush_largest(&mut self) -> Result<bool, Error> {
        match self {
            Self::Parquet { open, compressor, .. } => {
                let largest = open
                    .values_mut()
                    .max_by_key(|file| file.memory())
                    .filter(|file| file.rows() > 0);
                largest.map_or(Ok(false), |file| {
                    file.flush(compressor).map(|()| true).map_err(unwritten)
                })
            }
            Self::Text { open, packer, .. } => {
                let largest = open
                    .values_mut()
                    .max_by_key(|file| file.memory())
                    .filter(|file| !file.is_flushed());
                largest.map_or(Ok(false), |file| file.flush(packer).map(|()| true))
            }
        }
    }

    /// Ends a file; answers what its footer says, if it has one.
    pub(super) fn close(&mut self, file: usize) -> Result<Option<ParquetMetaData>, Error> {
        match self {
            Self::Parquet { open, compressor, .. } => {
                let ended = open.remove(&file).ok_or_else(closed)?;
                ended.close(compressor).map(Some).map_err(unwritten)
            }
            Self::Text { open, packer, .. } => {
                let mut ended = open.remove(&file).ok_or_else(closed)?;
                ended.flush(packer).map(|()| None)
            }
        }
    }
}

fn find<W>(open: &mut BTreeMap<usize, W>, file: usize) -> Result<&mut W, Error> {
    open.get_mut(&file).ok_or_else(closed)
}

fn closed() -> Error {
    Error::new(ErrorKind::Internal, "a file was written to after it was closed")
}

pub(super) fn unwritten(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Internal, error.to_string())
}
