//! Keeps rows of folders that have no file open aside until they are many, and hands them out
//! folder by folder, so that one file is open at a time.

use arrow_array::RecordBatch;
use job::Error;
use rows::{Gather, RowPlace};

use super::writers::unwritten;

/// Rows that are brought into the order of their folders at once.
const SORTED_ROWS: usize = if cfg!(test) { 7 } else { 8 * 1024 };

/// Rows that are kept aside.
#[derive(Default)]
pub(super) struct Aside {
    batches: Vec<RecordBatch>,
    places: Vec<Place>,
    bytes: usize,
    due: Option<Due>,
}

/// Where a row lies, and its folder. Ordered by folder, then as the rows came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    folder: u32,
    batch: u32,
    row: u32,
}

/// Rows that are being written, by folder.
struct Due {
    batches: Vec<RecordBatch>,
    places: Vec<Place>,
    /// How many of them are written.
    at: usize,
    /// The next of them in their order, and how many of these are written.
    sorted: Option<(RecordBatch, usize)>,
}

/// Rows of a folder that stand one after the other.
pub(super) struct Run {
    pub(super) folder: usize,
    pub(super) rows: RecordBatch,
    /// Whether they are the last ones of the folder, of those that are written now.
    pub(super) is_last: bool,
}

impl Aside {
    /// Keeps rows; `folders` has the folder of each.
    pub(super) fn push(&mut self, rows: RecordBatch, folders: impl Iterator<Item = usize>) {
        let batch = self.batches.len() as u32;
        let place = |(row, folder): (u32, usize)| Place { folder: folder as u32, batch, row };
        self.places.extend((0..).zip(folders).map(place));
        self.bytes += rows.get_array_memory_size() + rows.num_rows() * size_of::<Place>();
        self.batches.push(rows);
    }

    /// Bytes of the rows.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether rows are to be written now.
    pub(super) fn is_due(&self) -> bool {
        self.due.is_some()
    }

    /// Has all rows written, unless earlier ones still are.
    pub(super) fn make_due(&mut self) {
        if self.due.is_none() && !self.places.is_empty() {
            let mut places = std::mem::take(&mut self.places);
            places.sort_unstable();
            let batches = std::mem::take(&mut self.batches);
            self.due = Some(Due { batches, places, at: 0, sorted: None });
            self.bytes = 0;
        }
    }

    /// The next rows that are to be written.
    pub(super) fn next(&mut self) -> Result<Option<Run>, Error> {
        let Some(due) = &mut self.due else { return Ok(None) };
        let run = due.next()?;
        if run.is_none() {
            self.due = None;
        }
        Ok(run)
    }
}

impl Due {
    fn next(&mut self) -> Result<Option<Run>, Error> {
        let Some(folder) = self.places.get(self.at).map(|place| place.folder) else {
            return Ok(None);
        };
        let (sorted, from) = match self.sorted.take().filter(|(sorted, at)| *at < sorted.num_rows())
        {
            Some(sorted) => sorted,
            None => (self.sort()?, 0),
        };
        let here = &self.places[self.at..self.at + sorted.num_rows() - from];
        let rows = here.partition_point(|place| place.folder == folder);
        self.at += rows;
        let run = Run {
            folder: folder as usize,
            rows: sorted.slice(from, rows),
            is_last: self.places.get(self.at).is_none_or(|place| place.folder != folder),
        };
        self.sorted = Some((sorted, from + rows));
        Ok(Some(run))
    }

    /// The next rows in their order.
    fn sort(&self) -> Result<RecordBatch, Error> {
        let end = self.places.len().min(self.at + SORTED_ROWS);
        let places = self.places[self.at..end]
            .iter()
            .map(|place| RowPlace { batch: place.batch, row: place.row });
        let gather = Gather::new(&self.batches).map_err(unwritten)?;
        gather.rows(&places.collect::<Vec<_>>()).map_err(unwritten)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use arrow_array::{ArrayRef, Int64Array, StringArray};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use proptest::prelude::*;

    use super::super::{FileSummary, Files, FolderLimits, Lineage, MAX_PARTITIONS};
    use super::*;
    use contract::Contract;

    fn files(output: &str) -> Files {
        let fields = "[ { name: id, type: integer }, { name: day, type: integer }, { name: note, type: string } ]";
        let text = format!("name: t\nschema: {{ fields: {fields} }}\noutput: {output}\n");
        let lineage = Lineage { source: "s".to_owned(), job: "j".to_owned(), contract: 1 };
        let files = Files::new(Arc::new(Contract::parse(&text).expect("a contract")), lineage)
            .expect("files");
        files.within(FolderLimits { open: 3, aside_bytes: 1 << 12 })
    }

    fn write(files: &mut Files, rows: &[(i64, i64, String)]) {
        let columns: [ArrayRef; 3] = [
            Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|row| Some(&row.2)).collect::<StringArray>()),
        ];
        files.write(&columns, &[], rows.len()).expect("rows");
    }

    /// Takes all there is, into the bytes of each file; how many were taken at once at most.
    fn take(files: &mut Files, into: &mut BTreeMap<usize, (Vec<u8>, bool)>) -> usize {
        let mut most = 0;
        loop {
            let chunks = files.drain(1).expect("bytes");
            if chunks.is_empty() {
                return most;
            }
            most = most.max(chunks.iter().map(|chunk| chunk.bytes.len()).sum());
            for chunk in chunks {
                let file = into.entry(chunk.file).or_default();
                assert!(!file.1, "nothing comes after the last bytes");
                file.0.extend(chunk.bytes);
                file.1 = chunk.is_last;
            }
        }
    }

    /// The ids of each folder, in the order of its files.
    fn ids(
        summaries: &[FileSummary],
        bytes: &BTreeMap<usize, (Vec<u8>, bool)>,
    ) -> BTreeMap<String, Vec<i64>> {
        let mut ids: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for (file, summary) in summaries.iter().enumerate() {
            let (bytes, is_whole) = &bytes[&file];
            assert!(*is_whole && bytes.len() as u64 == summary.bytes);
            let reader =
                ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes.clone()))
                    .expect("Parquet");
            let mut rows = 0;
            for batch in reader.build().expect("a reader") {
                let batch = batch.expect("rows");
                rows += batch.num_rows() as u64;
                ids.entry(summary.folder.clone())
                    .or_default()
                    .extend(batch.column(0).as_primitive::<Int64Type>().values());
            }
            assert_eq!(rows, summary.rows);
        }
        ids
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn every_row_is_in_its_folder_in_its_order(
            batches in proptest::collection::vec(proptest::collection::vec((0i64..12, 0usize..200), 1..60), 1..20), sorted in any::<bool>(), drain_each in any::<bool>()
        ) {
            let output = if sorted { "{ partitionBy: [day], sortBy: [id] }" } else { "{ partitionBy: [day] }" };
            let (mut files, mut bytes, mut expected, mut id) = (files(output), BTreeMap::new(), BTreeMap::<String, Vec<i64>>::new(), 0);
            for rows in &batches {
                let mut some = Vec::new();
                for (day, letters) in rows {
                    id += 1;
                    some.push((id, *day, "x".repeat(*letters)));
                    expected.entry(format!("day={day}/")).or_default().push(id);
                }
                write(&mut files, &some);
                if drain_each {
                    take(&mut files, &mut bytes);
                }
            }
            files.close().expect("they end");
            take(&mut files, &mut bytes);
            let summaries: Vec<_> = (0..files.count()).map(|file| files.summary(file)).collect();
            prop_assert_eq!(files.count(), summaries.len());
            prop_assert_eq!(ids(&summaries, &bytes), expected);
        }
    }

    #[test]
    fn what_was_never_too_much_is_one_file_a_folder() {
        let (mut files, mut bytes) = (files("{ partitionBy: [day] }"), BTreeMap::new());
        write(&mut files, &(0..30).map(|id| (id, id % 10, String::new())).collect::<Vec<_>>());
        files.close().expect("they end");
        let mut pieces = Vec::new();
        loop {
            let chunks = files.drain(1).expect("bytes");
            if chunks.is_empty() {
                break;
            }
            pieces.extend(chunks.iter().map(|chunk| chunk.is_piece));
            chunks.into_iter().for_each(|chunk| {
                bytes.insert(chunk.file, (chunk.bytes, chunk.is_last));
            });
        }
        assert!(files.count() == 10 && pieces == [false; 10], "{pieces:?}");
        assert_eq!(
            ids(&(0..files.count()).map(|file| files.summary(file)).collect::<Vec<_>>(), &bytes)
                .len(),
            10
        );
    }

    #[test]
    fn more_partitions_than_there_may_be_are_told() {
        let mut files = files("{ partitionBy: [day, id] }");
        for from in (0..MAX_PARTITIONS as i64).step_by(8_000) {
            let rows: Vec<_> = (from..(from + 8_000).min(MAX_PARTITIONS as i64))
                .map(|id| (id, id % 7, String::new()))
                .collect();
            write(&mut files, &rows);
        }
        let one_more: [ArrayRef; 3] = [
            Arc::new(Int64Array::from(vec![-1])),
            Arc::new(Int64Array::from(vec![0])),
            Arc::new(StringArray::from(vec!["x"])),
        ];
        let error = files.write(&one_more, &[], 1).expect_err("it is one too many");
        let text = "one shard has rows of more than 100000 partitions; partition by fewer or coarser fields than day, id";
        assert_eq!(error, Error::new(job::ErrorKind::LimitExceeded, text.to_owned()));
    }
}
