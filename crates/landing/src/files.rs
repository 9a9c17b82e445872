//! Columns become files: of each partition of a shard one, or several where one would be too large, in bounded memory.

mod folders;
mod form;
mod gather;
mod merge;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema, SchemaRef};
use arrow_select::take::take;

use crate::Error;
use crate::contract::{Contract, TableFormat};
use crate::delta::Stats;
use crate::plan::Plan;
use crate::sink::Sink;
use folders::Folders;
use form::Writers;
use gather::gather;

pub use folders::NULL_PARTITION;
pub(crate) use folders::{TooLong, folder_text};

/// Most partitions of one shard that may be open at once: each keeps a file open.
pub const MAX_PARTITIONS: usize = 1_000;

/// Bytes that all open row groups, or blocks of text, of a shard may hold together; beyond it the largest is written out.
pub const ROW_GROUP_BYTES: usize = 48 * 1024 * 1024;

/// Where records come from, for the lineage columns and for what files say of themselves.
#[derive(Debug, Clone)]
pub struct Lineage {
    /// `s3://bucket/key` or a path.
    pub source: String,
    /// The job's id.
    pub job: String,
    /// The contract's version.
    pub contract: u32,
}

impl Lineage {
    /// That of a plan.
    pub fn of(plan: &Plan) -> Self {
        Self { source: plan.source_name(), job: plan.submission.job.to_string(), contract: plan.submission.contract }
    }
}

/// The files of a shard.
pub struct Files {
    contract: Arc<Contract>,
    /// What the files hold.
    columns: SchemaRef,
    writers: Writers,
    /// Bytes at which a file ends.
    file_size: u64,
    /// [Positions](crate::contract::Stored::index) of what the files hold.
    stored: Vec<usize>,
    folders: Folders,
    lineage: Lineage,
    by_folder: HashMap<String, usize>,
    files: Vec<File>,
}

/// A file on its way.
struct File {
    folder: String,
    sink: Sink,
    rows: u64,
    nulls: Vec<u64>,
    /// Columns of floats with some that are not a number; looked for where it counts, in Delta tables.
    has_nan: Vec<bool>,
    bytes: u64,
    is_ended: bool,
    stats: Option<String>,
}

/// Bytes of a file that are ready to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The file's position in the shard, from 0.
    pub file: usize,
    /// The next bytes of the file.
    pub bytes: Vec<u8>,
    /// Whether they are its last ones.
    pub is_last: bool,
}

/// What a file turned out to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSummary {
    /// The folders, `a=1/b=2/`, or nothing.
    pub folder: String,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// Nulls, by column.
    pub nulls: BTreeMap<String, u64>,
    /// What is known of its columns, as a Delta log has it, if it is for one.
    pub stats: Option<String>,
}

/// The values of each column that may not have come before. Those that have a code already, in the dictionary of the file that they were written to or as the name of a folder, did.
#[derive(Debug, Default)]
pub struct NewValues(HashMap<usize, Vec<ArrayRef>>);

impl NewValues {
    /// Those of a column, by its [position](crate::contract::Stored::index); `None`: any may be.
    pub fn of(&self, column: usize) -> Option<&[ArrayRef]> {
        self.0.get(&column).map(Vec::as_slice)
    }

    fn add(&mut self, column: usize, values: ArrayRef) {
        self.0.entry(column).or_default().push(values);
    }
}

impl Files {
    /// No file yet; each is opened with its first row.
    pub fn new(contract: Arc<Contract>, lineage: Lineage) -> Result<Self, Error> {
        let partition: Vec<_> = contract
            .output
            .partition_by
            .iter()
            .filter_map(|name| contract.stored().find(|column| column.name == name).map(|column| column.index))
            .collect();
        let (stored, mut fields): (Vec<_>, Vec<_>) = contract
            .stored()
            .filter(|column| !partition.contains(&column.index))
            .map(|column| (column.index, ArrowField::new(column.name, column.data_type, column.nullable)))
            .unzip();
        if contract.output.lineage {
            fields.push(ArrowField::new("_source", ArrowType::Utf8, false));
            fields.push(ArrowField::new("_line", ArrowType::Int64, false));
            fields.push(ArrowField::new("_job", ArrowType::Utf8, false));
        }
        let columns = Arc::new(ArrowSchema::new(fields));
        let writers = Writers::new(&contract, columns.clone(), &lineage)?;
        let (file_size, folders) = (contract.output.file_size, Folders::new(&contract, partition));
        Ok(Self { contract, columns, writers, file_size, stored, folders, lineage, by_folder: HashMap::new(), files: Vec::new() })
    }

    /// The rows whose folders no store has room for.
    pub(crate) fn too_long(&self, columns: &[ArrayRef], rows: usize) -> Vec<TooLong> {
        self.folders.too_long(columns, rows)
    }

    /// Writes rows: one array for each field of the contract and each derived column, and the line of each row for the lineage. Tells what the files' dictionaries learned.
    pub fn write(&mut self, columns: &[ArrayRef], lines: &[u64], rows: usize) -> Result<NewValues, Error> {
        let mut new = NewValues::default();
        if rows == 0 {
            return Ok(new);
        }
        let mut stored: Vec<_> = self.stored.iter().map(|index| columns[*index].clone()).collect();
        if self.contract.output.lineage {
            stored.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&self.lineage.source, rows))));
            stored.push(Arc::new(Int64Array::from_iter_values(lines.iter().map(|line| *line as i64))));
            stored.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(&self.lineage.job, rows))));
        }
        let batch = RecordBatch::try_new(self.columns.clone(), stored).map_err(broken)?;
        let shares = self.folders.share(columns, rows)?;
        for index in self.folders.columns() {
            new.add(index, take(&columns[index], &shares.new, None).map_err(broken)?);
        }
        for (folder, rows) in shares.folders {
            let file = self.file(folder)?;
            let batch = match rows {
                None => batch.clone(),
                Some(rows) => gather(&batch, rows)?,
            };
            let learned = self.put(file, &batch)?;
            for ((column, values), learned) in self.stored.iter().zip(batch.columns()).zip(learned) {
                new.add(*column, learned.unwrap_or_else(|| values.clone()));
            }
            if self.files[file].ready_bytes() + self.writers.encoded_bytes(file) as u64 >= self.file_size {
                self.end(file)?;
            }
        }
        self.bound_memory()?;
        Ok(new)
    }

    /// Writes rows to a file.
    fn put(&mut self, file: usize, batch: &RecordBatch) -> Result<Vec<Option<ArrayRef>>, Error> {
        let learned = self.writers.write(file, batch)?;
        self.files[file].count(batch);
        if self.contract.output.table == TableFormat::Delta {
            self.files[file].look_for_nan(batch);
        }
        Ok(learned)
    }

    /// Ends a file: the next row of its folder opens another.
    fn end(&mut self, file: usize) -> Result<(), Error> {
        let footer = self.writers.close(file)?;
        let state = &mut self.files[file];
        state.is_ended = true;
        if self.contract.output.table == TableFormat::Delta {
            state.stats = footer.map(|footer| Stats::of(&footer, &state.has_nan).json(&self.columns, state.rows));
        }
        self.by_folder.remove(&state.folder);
        Ok(())
    }

    /// Bytes that are ready, of each file that has at least `least` of them, or has ended.
    pub fn drain(&mut self, least: usize) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        for (file, state) in self.files.iter_mut().enumerate() {
            let (least, is_last) = (if state.is_ended { 1 } else { least.max(1) }, state.is_ended);
            let bytes = if state.sink.len() >= least { state.sink.take() } else { Vec::new() };
            if !bytes.is_empty() {
                state.bytes += bytes.len() as u64;
                chunks.push(Chunk { file, bytes, is_last });
            }
        }
        chunks
    }

    /// The end of the name of each file.
    pub fn extension(&self) -> &'static str {
        self.contract.output.format.extension()
    }

    /// The folder of a file.
    pub fn folder(&self, file: usize) -> &str {
        &self.files[file].folder
    }

    /// Ends all files; [`drain`](Self::drain) what is left before [`summaries`](Self::summaries).
    pub fn close(&mut self) -> Result<(), Error> {
        (0..self.files.len()).filter(|file| !self.files[*file].is_ended).collect::<Vec<_>>().into_iter().try_for_each(|file| self.end(file))
    }

    /// What the files turned out to hold, once they are closed and drained.
    pub fn summaries(&self) -> Vec<FileSummary> {
        let names = || self.columns.fields().iter().map(|field| field.name().clone());
        let summary = |file: &File| FileSummary {
            folder: file.folder.clone(),
            rows: file.rows,
            bytes: file.bytes,
            nulls: names().zip(file.nulls.iter().copied()).collect(),
            stats: file.stats.clone(),
        };
        self.files.iter().map(summary).collect()
    }

    fn file(&mut self, folder: String) -> Result<usize, Error> {
        if let Some(file) = self.by_folder.get(&folder) {
            return Ok(*file);
        }
        if self.by_folder.len() == MAX_PARTITIONS {
            return Err(Error::LimitExceeded(format!(
                "one shard has rows of more than {MAX_PARTITIONS} partitions; partition by fewer or coarser fields than {}",
                self.contract.output.partition_by.join(", ")
            )));
        }
        let sink = Sink::default();
        self.writers.open(sink.clone())?;
        let columns = self.columns.fields().len();
        self.files.push(File {
            folder: folder.clone(),
            sink,
            rows: 0,
            nulls: vec![0; columns],
            has_nan: vec![false; columns],
            bytes: 0,
            is_ended: false,
            stats: None,
        });
        self.by_folder.insert(folder, self.files.len() - 1);
        Ok(self.files.len() - 1)
    }

    fn bound_memory(&mut self) -> Result<(), Error> {
        while self.writers.memory() > ROW_GROUP_BYTES && self.writers.flush_largest()? {}
        Ok(())
    }
}

impl File {
    /// Bytes that were taken out of its sink, and those in it.
    fn ready_bytes(&self) -> u64 {
        self.bytes + self.sink.len() as u64
    }

    fn count(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        for (nulls, column) in self.nulls.iter_mut().zip(batch.columns()) {
            *nulls += column.null_count() as u64;
        }
    }

    fn look_for_nan(&mut self, batch: &RecordBatch) {
        for (has_nan, column) in self.has_nan.iter_mut().zip(batch.columns()) {
            *has_nan |= match column.data_type() {
                ArrowType::Float32 => column.as_primitive::<Float32Type>().values().iter().any(|value| value.is_nan()),
                ArrowType::Float64 => column.as_primitive::<Float64Type>().values().iter().any(|value| value.is_nan()),
                _ => false,
            };
        }
    }
}

/// Nothing of the data can make the encoder fail: what does is a bug.
fn broken(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("writing Parquet: {error}"))
}
