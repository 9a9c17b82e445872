//! What is written, by format: the files of a shard, and what they share.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use parquet::file::metadata::ParquetMetaData;

use super::{Lineage, Sink};
use crate::Error;
use crate::chunks::{Compressor, FileSchema, FileWriter};
use crate::contract::{Contract, Format, Packing};
use crate::plain::{Form, Packer, TextSchema, TextWriter};

/// Files that are open, in the order in which they were opened, and what they share.
pub(super) enum Writers {
    Parquet { schema: Arc<FileSchema>, compressor: Compressor, open: Vec<FileWriter<Sink>> },
    Text { schema: Arc<TextSchema>, packer: Packer, open: Vec<TextWriter<Sink>> },
}

impl Writers {
    /// No file yet.
    pub(super) fn new(contract: &Contract, columns: SchemaRef, lineage: &Lineage) -> Result<Self, Error> {
        let text = |form: Form, packing: Packing, columns| {
            Ok(Self::Text { schema: Arc::new(TextSchema::new(form, columns)), packer: Packer::new(packing)?, open: Vec::new() })
        };
        let output = &contract.output;
        match output.format {
            Format::Parquet => {
                let schema =
                    FileSchema::new(columns)?.with_bloom_filters(&output.bloom_filters).with_sorting(&output.sort_by).with_metadata([
                        ("landfall.job", lineage.job.clone()),
                        ("landfall.contract", format!("{} {}", contract.name, lineage.contract)),
                        ("landfall.source", lineage.source.clone()),
                    ]);
                Ok(Self::Parquet { schema: Arc::new(schema), compressor: Compressor::new(output.compression)?, open: Vec::new() })
            }
            Format::Csv(packing) => text(Form::Csv, packing, columns),
            Format::Jsonl(packing) => text(Form::Jsonl, packing, columns),
        }
    }

    /// Opens the next file.
    pub(super) fn open(&mut self, sink: Sink) -> Result<(), Error> {
        match self {
            Self::Parquet { schema, open, .. } => open.push(FileWriter::new(sink, schema.clone())?),
            Self::Text { schema, open, .. } => open.push(TextWriter::new(sink, schema.clone())),
        }
        Ok(())
    }

    /// Writes rows to a file. Tells what its dictionaries learned, as [`FileWriter::write`] does.
    pub(super) fn write(&mut self, file: usize, batch: &RecordBatch) -> Result<Vec<Option<ArrayRef>>, Error> {
        let closed = || Error::Internal("a file was written to after it was closed".to_owned());
        match self {
            Self::Parquet { open, compressor, .. } => open.get_mut(file).ok_or_else(closed)?.write(batch, compressor),
            Self::Text { open, packer, .. } => {
                open.get_mut(file).ok_or_else(closed)?.write(batch, packer)?;
                Ok(vec![None; batch.num_columns()])
            }
        }
    }

    /// Bytes that all files keep.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Parquet { open, .. } => open.iter().map(FileWriter::memory).sum(),
            Self::Text { open, .. } => open.iter().map(TextWriter::memory).sum(),
        }
    }

    /// Writes out what the largest file keeps. False: it keeps nothing that could be.
    pub(super) fn flush_largest(&mut self) -> Result<bool, Error> {
        match self {
            Self::Parquet { open, compressor, .. } => {
                let largest = open.iter_mut().max_by_key(|file| file.memory()).filter(|file| file.rows() > 0);
                largest.map_or(Ok(false), |file| file.flush(compressor).map(|()| true))
            }
            Self::Text { open, packer, .. } => {
                let largest = open.iter_mut().max_by_key(|file| file.memory()).filter(|file| !file.is_flushed());
                largest.map_or(Ok(false), |file| file.flush(packer).map(|()| true))
            }
        }
    }

    /// Ends all files; answers what the footer of each says, if it has one.
    pub(super) fn close(&mut self) -> Result<Vec<Option<ParquetMetaData>>, Error> {
        match self {
            Self::Parquet { open, compressor, .. } => {
                std::mem::take(open).into_iter().map(|file| file.close(compressor).map(Some)).collect()
            }
            Self::Text { open, packer, .. } => std::mem::take(open).into_iter().map(|mut file| file.flush(packer).map(|()| None)).collect(),
        }
    }
}
