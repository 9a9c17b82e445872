//! Turns the values of a column into the pages of a chunk.

use std::cmp::Ordering;

use crate::Error;
use arrow_array::{Array, ArrayRef};
use bytes::Bytes;
use parquet::basic::{BoundaryOrder, CompressionCodec, Encoding, PageType, Type};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::bloom::BloomFilter;
use super::codec::{Compressor, is_worth};
use super::values::{PageBounds, Values};
use super::{Full, PAGE_BYTES, PAGE_ROWS, hybrid};

/// After a page that was not worth compressing, one of so many pages is tried. Packed numbers don't
/// get smaller, and compressing them takes longer than packing.
const TRIED: usize = 8;

/// A column of a row group.
pub(super) struct ColumnChunk {
    column: ColumnDescPtr,
    values: Values,
    /// Which rows of the page have a value; `None`: the column has no nulls.
    present: Option<Vec<bool>>,
    rows: usize,
    nulls: usize,
    pages: Vec<DonePage>,
    /// How many pages in a row were not worth compressing, or not tried after one that was not.
    plain_run: usize,
    bounds: PageBounds,
    bloom: Option<BloomFilter>,
}

/// A page that waits for its row group to be written.
struct DonePage {
    bytes: Bytes,
    /// The bytes are compressed.
    is_compressed: bool,
    uncompressed: usize,
    encoding: Encoding,
    rows: usize,
    nulls: usize,
    bounds: PageBounds,
}

impl ColumnChunk {
    pub(super) fn new(
        column: ColumnDescPtr,
        array_type: &arrow_schema::DataType,
        has_bloom: bool,
    ) -> Result<Self, Error> {
        let present = (column.max_def_level() > 0).then(Vec::new);
        let values = Values::new(&column, array_type)?;
        let bloom = has_bloom.then(|| BloomFilter::new(column.clone()));
        Ok(Self {
            column,
            values,
            present,
            rows: 0,
            nulls: 0,
            pages: Vec::new(),
            plain_run: 0,
            bounds: PageBounds::None,
            bloom,
        })
    }

    /// Takes in the next rows. Where all of them have codes, it tells those that are new.
    pub(super) fn put(
        &mut self,
        array: &dyn Array,
        compressor: &mut Compressor,
    ) -> Result<Option<ArrayRef>, Error> {
        let new = match self.values.put(array) {
            Ok(new) => new,
            Err(Full) => {
                self.end_page(compressor)?;
                self.values.give_up();
                self.values
                    .put(array)
                    .map_err(|Full| Error("a page without a dictionary is full".to_owned()))?
            }
        };
        if let Some(bloom) = &mut self.bloom {
            // Texts with codes that are not new were put before.
            bloom.put(new.as_ref().map_or(array, |new| new));
        }
        self.rows += array.len();
        self.nulls += array.null_count();
        if let Some(present) = &mut self.present {
            match array.nulls() {
                None => present.resize(present.len() + array.len(), true),
                Some(nulls) => present.extend(nulls.iter()),
            }
        }
        if self.rows >= PAGE_ROWS || self.values.page_bytes() >= PAGE_BYTES {
            self.end_page(compressor)?;
        }
        Ok(new)
    }

    /// Bytes of the pages that are done.
    pub(super) fn done_bytes(&self) -> usize {
        self.pages.iter().map(|page| page.bytes.len()).sum()
    }

    /// Bytes that it keeps.
    pub(super) fn memory(&self) -> usize {
        self.values.memory()
            + self.present.as_ref().map_or(0, Vec::capacity)
            + self.done_bytes()
            + self.bloom.as_ref().map_or(0, BloomFilter::memory)
    }

    /// Ends the chunk: its bytes, and what is to be known of it.
    pub(super) fn finish(
        mut self,
        compressor: &mut Compressor,
    ) -> Result<(Bytes, ColumnCloseResult), Error> {
        self.end_page(compressor)?;
        let dictionary =
            self.values.dictionary().map(|(values, count)| (Bytes::from(values), count));
        let bytes = self.pages.iter().map(|page| page.bytes.len()).sum::<usize>();
        let packed = match &dictionary {
            Some((values, _)) => Some(compressor.compress(values)?),
            None => None,
        };
        let saved = dictionary
            .iter()
            .zip(&packed)
            .map(|((plain, _), packed)| plain.len().saturating_sub(packed.len()))
            .sum();
        // What is written of a chunk has one codec.
        let is_compressed =
            self.pages.iter().any(|page| page.is_compressed) || is_worth(saved, bytes);
        if is_compressed {
            for page in self.pages.iter_mut().filter(|page| !page.is_compressed) {
                page.bytes = compressor.compress(&page.bytes)?;
            }
        }
        let codec = if is_compressed { compressor.codec() } else { CompressionCodec::UNCOMPRESSED };
        let dictionary = dictionary.zip(packed).map(|((plain, count), packed)| {
            (plain.len(), if is_compressed { packed } else { plain }, count)
        });
        self.lay_out(dictionary, codec).map_err(broken)
    }

    fn end_page(&mut self, compressor: &mut Compressor) -> Result<(), Error> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut encoding = Encoding::PLAIN;
        let is_tried = self.plain_run.is_multiple_of(TRIED);
        let (bytes, uncompressed, is_compressed) = compressor.page(is_tried, |page| {
            if let Some(present) = &mut self.present {
                let mut levels = Vec::new();
                match self.nulls {
                    0 => hybrid::encode_run(1, self.rows, 1, &mut levels),
                    _ => hybrid::encode_bits(present.iter().copied(), self.rows, &mut levels),
                }
                present.clear();
                page.extend_from_slice(&(levels.len() as u32).to_le_bytes());
                page.extend_from_slice(&levels);
            }
            encoding = self.values.end_page(page);
        })?;
        self.plain_run = if is_compressed { 0 } else { self.plain_run + 1 };
        let bounds = self.values.take_bounds();
        self.bounds.and(&bounds);
        let (rows, nulls) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.nulls));
        self.pages.push(DonePage {
            bytes,
            is_compressed,
            uncompressed,
            encoding,
            rows,
            nulls,
            bounds,
        });
        Ok(())
    }

    /// Writes the pages, the dictionary first.
    fn lay_out(
        self,
        dictionary: Option<(usize, Bytes, usize)>,
        codec: CompressionCodec,
    ) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
        let compressed: usize = self.pages.iter().map(|page| page.bytes.len() + 64).sum();
        let mut sink = TrackedWrite::new(Vec::with_capacity(
            compressed + dictionary.as_ref().map_or(0, |(_, bytes, _)| bytes.len() + 64),
        ));
        let mut writer = SerializedPageWriter::new(&mut sink);
        let mut written = Written::new(&self.column);
        if let Some((size, bytes, count)) = dictionary {
            let page = Page::DictionaryPage {
                buf: bytes,
                num_values: count as u32,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            written.add_dictionary(&writer.write_page(CompressedPage::new(page, size))?);
        }
        for page in &self.pages {
            written.add_page(page, &writer.write_page(page.compressed())?);
        }
        self.close(written, codec, sink.into_inner()?.into())
    }

    /// Says what the footer and the indexes hold of `bytes`, the chunk.
    fn close(
        self,
        mut written: Written,
        codec: CompressionCodec,
        bytes: Bytes,
    ) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
        let rows: usize = self.pages.iter().map(|page| page.rows).sum();
        let nulls: usize = self.pages.iter().map(|page| page.nulls).sum();
        let order = boundary_order(self.pages.iter().map(|page| &page.bounds));
        written.column_index.set_boundary_order(order);
        let metadata = ColumnChunkMetaData::builder(self.column.clone())
            .set_compression_codec(codec)
            .set_encodings(written.encodings)
            .set_page_encoding_stats(written.page_encodings)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(written.uncompressed as i64)
            .set_num_values(rows as i64)
            .set_data_page_offset(written.data_offset.unwrap_or_default())
            .set_dictionary_page_offset(written.dictionary_offset)
            .set_statistics(self.bounds.statistics(self.column.physical_type(), nulls as u64))
            .build()?;
        let is_indexed = written.column_index.valid();
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter: self.bloom.map(BloomFilter::finish),
            column_index: if is_indexed { Some(written.column_index.build()?) } else { None },
            offset_index: Some(written.offset_index.build()),
        };
        Ok((bytes, close))
    }
}

impl DonePage {
    /// The page as it is written.
    fn compressed(&self) -> CompressedPage {
        let page = Page::DataPage {
            buf: self.bytes.clone(),
            num_values: self.rows as u32,
            encoding: self.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        CompressedPage::new(page, self.uncompressed)
    }
}

/// What is known of the pages that are written.
struct Written {
    uncompressed: usize,
    dictionary_offset: Option<i64>,
    /// Where the first page of data begins.
    data_offset: Option<i64>,
    encodings: Vec<Encoding>,
    page_encodings: Vec<PageEncodingStats>,
    column_index: ColumnIndexBuilder,
    offset_index: OffsetIndexBuilder,
}

impl Written {
    fn new(column: &ColumnDescPtr) -> Self {
        Self {
            uncompressed: 0,
            dictionary_offset: None,
            data_offset: None,
            // That of levels.
            encodings: vec![Encoding::RLE],
            page_encodings: Vec::new(),
            column_index: ColumnIndexBuilder::new(column.physical_type()),
            offset_index: OffsetIndexBuilder::new(),
        }
    }

    fn add_dictionary(&mut self, spec: &PageWriteSpec) {
        self.uncompressed += spec.uncompressed_size;
        self.dictionary_offset = Some(spec.offset as i64);
        self.count_encoding(PageType::DICTIONARY_PAGE, Encoding::PLAIN);
    }

    fn add_page(&mut self, page: &DonePage, spec: &PageWriteSpec) {
        self.uncompressed += spec.uncompressed_size;
        self.data_offset.get_or_insert(spec.offset as i64);
        self.offset_index.append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
        self.offset_index.append_row_count(page.rows as i64);
        let nulls = page.nulls as i64;
        match page.bounds.bytes() {
            Some((least, greatest)) => {
                self.column_index.append(false, least, greatest, nulls, None)
            }
            None if page.nulls == page.rows => {
                self.column_index.append(true, Vec::new(), Vec::new(), nulls, None)
            }
            // Nothing can be said of a page of NaN only.
            None => self.column_index.to_invalid(),
        }
        self.count_encoding(PageType::DATA_PAGE, page.encoding);
    }

    fn count_encoding(&mut self, page_type: PageType, encoding: Encoding) {
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
        let known = |stats: &&mut PageEncodingStats| {
            stats.page_type == page_type && stats.encoding == encoding
        };
        match self.page_encodings.iter_mut().find(known) {
            Some(stats) => stats.count += 1,
            None => self.page_encodings.push(PageEncodingStats { page_type, encoding, count: 1 }),
        }
    }
}

/// Whether the bounds of pages rise or fall, but for pages without any.
fn boundary_order<'a>(bounds: impl Iterator<Item = &'a PageBounds>) -> BoundaryOrder {
    let (mut rises, mut falls) = (true, true);
    let mut previous: Option<&PageBounds> = None;
    for next in bounds.filter(|bounds| !matches!(bounds, PageBounds::None)) {
        if let Some(previous) = previous {
            let (least, greatest) = previous.compare(next);
            rises &= least != Ordering::Greater && greatest != Ordering::Greater;
            falls &= least != Ordering::Less && greatest != Ordering::Less;
        }
        previous = Some(next);
    }
    match (rises, falls) {
        (true, _) => BoundaryOrder::ASCENDING,
        (_, true) => BoundaryOrder::DESCENDING,
        _ => BoundaryOrder::UNORDERED,
    }
}

/// Nothing of the data can make a page fail: what does is a bug.
pub(super) fn broken(error: impl std::fmt::Debug) -> Error {
    Error(format!("writing Parquet: {}", wording::variant(&error)))
}

/// What a column of a type that no contract has would be.
pub(super) fn unknown(physical: Type, array_type: &arrow_schema::DataType) -> Error {
    Error(format!("writing Parquet: {array_type} as {physical} is not known"))
}
