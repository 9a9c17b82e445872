//! Columns become files: of each partition of a shard one, or several where one would be too large,
//! in bounded memory.

mod stats;
mod aside;
mod folders;
mod writers;
mod merge;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema, SchemaRef};
use contract::Contract;
use job::TableFormat;
use job::{Error, ErrorKind};
use parquet_pages::SharedBuffer;
use rows::{Gather, RowPlace};

use crate::plan::Plan;
use aside::Aside;
use folders::Folders;
pub use stats::Stats;
use writers::{Writers, unwritten};

pub(crate) use folders::TooLong;
pub use folders::folder_text;

/// Most partitions of one shard: each is a file at least, with its requests, and some memory to the
/// end of the shard.
pub const MAX_PARTITIONS: usize = 100_000;

/// What bounds the memory of a shard that writes to many folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolderLimits {
    /// Most folders that have a file open. Rows of others are kept aside, and written folder by
    /// folder.
    pub open: usize,
    /// Bytes of rows that are kept aside before they are written.
    pub aside_bytes: usize,
}

impl Default for FolderLimits {
    fn default() -> Self {
        Self { open: 1_000, aside_bytes: 24 << 20 }
    }
}

/// Bytes of finished files, beside those of open ones, at which who writes them waits for somebody
/// to take them.
const READY_BYTES: usize = 8 << 20;

/// Bytes that all open row groups, or blocks of text, of a shard may hold together; beyond it the
/// largest is written out.
pub const OPEN_ROW_GROUPS_BYTES: usize = 48 * 1024 * 1024;

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
        Self {
            source: plan.source_name(),
            job: plan.submission.job.to_string(),
            contract: plan.submission.contract,
        }
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
    /// [Positions](contract::Stored::index) of what the files hold.
    stored: Vec<usize>,
    folders: Folders,
    limits: FolderLimits,
    lineage: Lineage,
    /// The open file of each folder that has one.
    open: HashMap<usize, usize>,
    /// Rows of folders that have none, once there are too many.
    aside: Aside,
    /// Whether there are.
    is_aside: bool,
    /// Whether no more rows will come.
    is_closing: bool,
    /// Folders that have several files because their rows were kept aside.
    pieces: HashSet<usize>,
    /// The file of the rows that are being written of those kept aside.
    current: Option<usize>,
    files: Vec<File>,
    /// Those that have not ended, or have bytes that nobody took.
    live: Vec<usize>,
}

/// A file on its way.
struct File {
    folder: usize,
    /// Whether the folder has other files of this shard, each made of few rows.
    is_piece: bool,
    sink: SharedBuffer,
    rows: u64,
    /// Columns of floats with some that are not a number. Empty, except in Delta tables, where it
    /// counts.
    has_nan: Vec<bool>,
    bytes: u64,
    is_ended: bool,
    stats: Option<String>,
}

/// Bytes of a file that are ready to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChunk {
    /// The file's position in the shard, from 0.
    pub file: usize,
    /// The next bytes of the file.
    pub bytes: Vec<u8>,
    /// Whether they are its last ones.
    pub is_last: bool,
    /// Whether the file is one of several of its folder, each made of few rows: it is to be put
    /// together with the others.
    pub is_piece: bool,
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
    /// What is known of its columns, as a Delta log has it, if it is for one.
    pub stats: Option<String>,
}

/// The values of each column that may not have come before. Those that have a code already, in the
/// dictionary of the file that they were written to or as the name of a folder, did.
#[derive(Debug, Default)]
pub struct NewValues(HashMap<usize, Vec<ArrayRef>>);

impl NewValues {
    /// Those of a column, by its [position](contract::Stored::index); `None`: any may be.
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
            .filter_map(|name| {
                contract.stored().find(|column| column.name == name).map(|column| column.index)
            })
            .collect();
        let (stored, mut fields): (Vec<_>, Vec<_>) = contract
            .stored()
            .filter(|column| !partition.contains(&column.index))
            .map(|column| {
                (column.index, ArrowField::new(column.name, column.data_type, column.nullable))
            })
            .unzip();
        if contract.output.lineage {
            fields.push(ArrowField::new("_source", ArrowType::Utf8, false));
            fields.push(ArrowField::new("_line", ArrowType::Int64, false));
            fields.push(ArrowField::new("_job", ArrowType::Utf8, false));
        }
        let columns = Arc::new(ArrowSchema::new(fields));
        let writers = Writers::new(&contract, columns.clone(), &lineage)?;
        let (file_size, folders) = (contract.output.file_size, Folders::new(&contract, partition));
        Ok(Self {
            contract,
            columns,
            writers,
            file_size,
            stored,
            folders,
            limits: FolderLimits::default(),
            lineage,
            open: HashMap::new(),
            aside: Aside::default(),
            is_aside: false,
            is_closing: false,
            pieces: HashSet::new(),
            current: None,
            files: Vec::new(),
            live: Vec::new(),
        })
    }

    /// The rows to come are of another object.
    pub fn begin_source(&mut self, source: String) {
        self.lineage.source = source;
    }

    /// The same files, within other limits.
    pub fn within(self, limits: FolderLimits) -> Self {
        Self { limits, ..self }
    }

    /// The rows whose folders no store has room for.
    pub(crate) fn too_long(&self, columns: &[ArrayRef], rows: usize) -> Vec<TooLong> {
        self.folders.too_long(columns, rows)
    }

    /// Writes rows: one array for each field of the contract and each derived column, and the line
    /// of each row for the lineage. Tells what the files' dictionaries learned.
    pub fn write(
        &mut self,
        columns: &[ArrayRef],
        lines: &[u64],
        rows: usize,
    ) -> Result<NewValues, Error> {
        let mut new = NewValues::default();
        if rows == 0 {
            return Ok(new);
        }
        let mut stored: Vec<_> = self.stored.iter().map(|index| columns[*index].clone()).collect();
        if self.contract.output.lineage {
            stored.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                &self.lineage.source,
                rows,
            ))));
            stored.push(Arc::new(Int64Array::from_iter_values(
                lines.iter().map(|line| *line as i64),
            )));
            stored.push(Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                &self.lineage.job,
                rows,
            ))));
        }
        let batch = RecordBatch::try_new(self.columns.clone(), stored).map_err(broken)?;
        let shares = self.folders.share(columns, rows)?;
        for index in self.folders.columns() {
            new.add(index, rows::take(&columns[index], &shares.new).map_err(unwritten)?);
        }
        let mut aside = Vec::new();
        for (folder, rows) in shares.folders {
            let Some(file) = self.file(folder)? else {
                aside
                    .push((folder, rows.unwrap_or_else(|| (0..batch.num_rows() as u32).collect())));
                continue;
            };
            let batch = match rows {
                None => batch.clone(),
                Some(rows) => gather(&batch, rows)?,
            };
            let learned = self.put(file, &batch)?;
            for ((column, values), learned) in self.stored.iter().zip(batch.columns()).zip(learned)
            {
                new.add(*column, learned.unwrap_or_else(|| values.clone()));
            }
            if self.files[file].ready_bytes() + self.writers.encoded_bytes(file) as u64
                >= self.file_size
            {
                self.end(file)?;
            }
        }
        self.keep_aside(&batch, aside, &mut new)?;
        self.bound_memory()?;
        Ok(new)
    }

    /// Keeps rows aside, by folder.
    fn keep_aside(
        &mut self,
        batch: &RecordBatch,
        shares: Vec<(usize, Vec<u32>)>,
        new: &mut NewValues,
    ) -> Result<(), Error> {
        if shares.is_empty() {
            return Ok(());
        }
        let folders: Vec<_> = shares
            .iter()
            .flat_map(|(folder, rows)| std::iter::repeat_n(*folder, rows.len()))
            .collect();
        let rows = gather(batch, shares.into_iter().flat_map(|(_, rows)| rows).collect())?;
        for (column, values) in self.stored.iter().zip(rows.columns()) {
            new.add(*column, values.clone());
        }
        self.aside.push(rows, folders.into_iter());
        if self.aside.bytes() >= self.limits.aside_bytes {
            self.aside.make_due();
        }
        Ok(())
    }

    /// Writes what was kept aside, until there are enough bytes for somebody to take.
    fn write_aside(&mut self) -> Result<(), Error> {
        let mut ready = 0;
        while ready < READY_BYTES {
            if !self.aside.is_due() {
                if self.is_closing {
                    self.aside.make_due();
                }
                if !self.aside.is_due() {
                    return Ok(());
                }
            }
            let Some(run) = self.aside.next()? else { continue };
            let file = match self.current {
                Some(file) => file,
                None => {
                    let is_several = !self.pieces.insert(run.folder) || !self.is_closing;
                    self.begin(run.folder, is_several)?
                }
            };
            self.current = (!run.is_last).then_some(file);
            self.put(file, &run.rows)?;
            if run.is_last
                || self.files[file].ready_bytes() + self.writers.encoded_bytes(file) as u64
                    >= self.file_size
            {
                self.current = None;
                self.end(file)?;
                ready += self.files[file].sink.len();
            }
        }
        Ok(())
    }

    /// Writes rows to a file.
    fn put(&mut self, file: usize, batch: &RecordBatch) -> Result<Vec<Option<ArrayRef>>, Error> {
        let learned = self.writers.write(file, batch)?;
        self.files[file].rows += batch.num_rows() as u64;
        self.files[file].look_for_nan(batch);
        Ok(learned)
    }

    /// Ends a file: the next row of its folder opens another.
    fn end(&mut self, file: usize) -> Result<(), Error> {
        let footer = self.writers.close(file)?;
        let state = &mut self.files[file];
        state.is_ended = true;
        if self.contract.output.table == TableFormat::Delta {
            state.stats = footer
                .map(|footer| Stats::of(&footer, &state.has_nan).json(&self.columns, state.rows));
        }
        if self.open.get(&state.folder) == Some(&file) {
            self.open.remove(&state.folder);
        }
        Ok(())
    }

    /// Bytes that are ready, of each file that has at least `least` of them, or has ended. Who
    /// takes them asks again until there are none: of many files not all are made at once.
    pub fn drain(&mut self, least: usize) -> Result<Vec<FileChunk>, Error> {
        self.write_aside()?;
        let mut chunks = Vec::new();
        let files = &mut self.files;
        self.live.retain(|file| {
            let state = &mut files[*file];
            let (least, is_last) = (if state.is_ended { 1 } else { least.max(1) }, state.is_ended);
            let bytes = if state.sink.len() >= least { state.sink.take() } else { Vec::new() };
            if !bytes.is_empty() {
                state.bytes += bytes.len() as u64;
                chunks.push(FileChunk { file: *file, bytes, is_last, is_piece: state.is_piece });
            }
            !state.is_ended
        });
        Ok(chunks)
    }

    /// The end of the name of each file.
    pub fn extension(&self) -> &'static str {
        self.contract.output.format.extension()
    }

    /// The folder of a file.
    pub fn folder(&self, file: usize) -> &str {
        self.folders.name(self.files[file].folder)
    }

    /// Ends all files; [`drain`](Self::drain) what is left before the [`summary`](Self::summary) of
    /// each.
    pub fn close(&mut self) -> Result<(), Error> {
        self.is_closing = true;
        (0..self.files.len())
            .filter(|file| !self.files[*file].is_ended)
            .collect::<Vec<_>>()
            .into_iter()
            .try_for_each(|file| self.end(file))
    }

    /// The summary of a file, once all files are closed and drained.
    pub fn summary(&self, file: usize) -> FileSummary {
        let file = &self.files[file];
        FileSummary {
            folder: self.folders.name(file.folder).to_string(),
            rows: file.rows,
            bytes: file.bytes,
            stats: file.stats.clone(),
        }
    }

    /// How many files there are.
    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// The open file of a folder. `None`: it has none, and its rows are to be kept aside. Once rows
    /// are, those of all folders without a file are, so that they stay in their order.
    fn file(&mut self, folder: usize) -> Result<Option<usize>, Error> {
        if let Some(file) = self.open.get(&folder) {
            return Ok(Some(*file));
        }
        self.is_aside |= self.open.len() >= self.limits.open;
        if self.is_aside {
            return Ok(None);
        }
        let file = self.begin(folder, false)?;
        self.open.insert(folder, file);
        Ok(Some(file))
    }

    /// Begins a file.
    fn begin(&mut self, folder: usize, is_piece: bool) -> Result<usize, Error> {
        let sink = SharedBuffer::default();
        self.writers.open(self.files.len(), sink.clone())?;
        let is_delta = self.contract.output.table == TableFormat::Delta;
        self.files.push(File {
            folder,
            is_piece,
            sink,
            rows: 0,
            has_nan: if is_delta { vec![false; self.columns.fields().len()] } else { Vec::new() },
            bytes: 0,
            is_ended: false,
            stats: None,
        });
        self.live.push(self.files.len() - 1);
        Ok(self.files.len() - 1)
    }

    fn bound_memory(&mut self) -> Result<(), Error> {
        while self.writers.memory() > OPEN_ROW_GROUPS_BYTES && self.writers.flush_largest()? {}
        Ok(())
    }
}

impl File {
    /// Bytes that were taken out of its sink, and those in it.
    fn ready_bytes(&self) -> u64 {
        self.bytes + self.sink.len() as u64
    }

    fn look_for_nan(&mut self, batch: &RecordBatch) {
        for (has_nan, column) in self.has_nan.iter_mut().zip(batch.columns()) {
            *has_nan |= match column.data_type() {
                ArrowType::Float32 => {
                    column.as_primitive::<Float32Type>().values().iter().any(|value| value.is_nan())
                }
                ArrowType::Float64 => {
                    column.as_primitive::<Float64Type>().values().iter().any(|value| value.is_nan())
                }
                _ => false,
            };
        }
    }
}

/// Nothing of the data can make the encoder fail: what does is a bug.
/// The rows at these positions, in this order.
fn gather(batch: &RecordBatch, rows: Vec<u32>) -> Result<RecordBatch, Error> {
    let places: Vec<_> = rows.into_iter().map(|row| RowPlace { batch: 0, row }).collect();
    let gather = Gather::new(std::slice::from_ref(batch)).map_err(unwritten)?;
    gather.rows(&places).map_err(unwritten)
}

fn broken(error: impl std::fmt::Debug) -> Error {
    Error::new(ErrorKind::Internal, format!("writing Parquet: {}", wording::variant(&error)))
}
