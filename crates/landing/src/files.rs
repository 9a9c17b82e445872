//! Columns become files: one for each partition of a shard, in bounded memory.

mod form;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Decimal128Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{DataType as ArrowType, Field as ArrowField, Schema as ArrowSchema, SchemaRef};
use arrow_select::take::take_record_batch;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Error;
use crate::contract::{Contract, TableFormat};
use crate::delta::Stats;
use form::Writers;

/// Most partitions of one shard: each keeps a file open.
pub const MAX_PARTITIONS: usize = 1_000;

/// Bytes that all open row groups, or blocks of text, of a shard may hold together; beyond it the largest is written out.
pub const ROW_GROUP_BYTES: usize = 48 * 1024 * 1024;

/// The folder name of a value that is null (Hive's).
pub const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// What may stand unescaped in a folder's name.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

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

/// The files of a shard.
pub struct Files {
    contract: Arc<Contract>,
    /// What the files hold.
    columns: SchemaRef,
    writers: Writers,
    /// [Positions](crate::contract::Stored::index) of what the files hold.
    stored: Vec<usize>,
    /// Positions of what names the folders.
    partition: Vec<usize>,
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
    stats: Option<String>,
}

/// Bytes of a file that are ready to be uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The file's position in the shard, from 0.
    pub file: usize,
    /// The next bytes of the file.
    pub bytes: Vec<u8>,
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

/// Of columns whose values all have codes in the dictionaries of the files that they were written to: the values that are new there. The others were seen before.
#[derive(Debug, Default)]
pub struct NewValues {
    /// By position in the contract's schema; `None`: some file has them without codes.
    columns: HashMap<usize, Option<Vec<ArrayRef>>>,
}

impl NewValues {
    /// Those of a column; `None`: all rows are to be looked at.
    pub fn of(&self, field: usize) -> Option<&[ArrayRef]> {
        self.columns.get(&field)?.as_deref()
    }

    fn add(&mut self, learned: impl Iterator<Item = (usize, Option<ArrayRef>)>) {
        for (field, new) in learned {
            let all = self.columns.entry(field).or_insert_with(|| Some(Vec::new()));
            match new {
                Some(new) => all.iter_mut().for_each(|all| all.push(new.clone())),
                None => *all = None,
            }
        }
    }
}

/// A byte sink that the writer owns and the shard empties.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn with<T>(&self, act: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|buffer| buffer.extend_from_slice(bytes));
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
        Ok(Self { contract, columns, writers, stored, partition, lineage, by_folder: HashMap::new(), files: Vec::new() })
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
        for (folder, rows) in self.by_folder(columns, rows) {
            let file = self.file(folder)?;
            let batch = match rows {
                None => batch.clone(),
                Some(rows) => take_record_batch(&batch, &UInt32Array::from(rows)).map_err(broken)?,
            };
            let learned = self.writers.write(file, &batch)?;
            self.files[file].count(&batch);
            if self.contract.output.table == TableFormat::Delta {
                self.files[file].look_for_nan(&batch);
            }
            new.add(self.stored.iter().copied().zip(learned));
        }
        self.bound_memory()?;
        Ok(new)
    }

    /// Bytes that are ready, of each file that has at least `least` of them.
    pub fn drain(&mut self, least: usize) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        for (file, state) in self.files.iter_mut().enumerate() {
            let bytes = state.sink.with(|buffer| if buffer.len() >= least.max(1) { std::mem::take(buffer) } else { Vec::new() });
            if !bytes.is_empty() {
                state.bytes += bytes.len() as u64;
                chunks.push(Chunk { file, bytes });
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
        for (file, footer) in self.files.iter_mut().zip(self.writers.close()?) {
            if self.contract.output.table == TableFormat::Delta {
                file.stats = footer.map(|footer| Stats::of(&footer, &file.has_nan).json(&self.columns, file.rows));
            }
        }
        Ok(())
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

    /// The rows of each folder, in the order of first appearance; `None` for all of them.
    fn by_folder(&self, columns: &[ArrayRef], rows: usize) -> Vec<(String, Option<Vec<u32>>)> {
        if self.partition.is_empty() {
            return vec![(String::new(), None)];
        }
        let mut order: Vec<(String, Option<Vec<u32>>)> = Vec::new();
        let mut positions: HashMap<String, usize> = HashMap::new();
        let mut folder = String::new();
        let mut last = usize::MAX;
        for row in 0..rows {
            folder.clear();
            for index in &self.partition {
                let _ = write!(folder, "{}=", self.contract.column_name(*index));
                write_value(&mut folder, columns[*index].as_ref(), row);
                folder.push('/');
            }
            // Neighbouring rows mostly share their folder.
            if last == usize::MAX || order[last].0 != folder {
                last = *positions.entry(folder.clone()).or_insert_with(|| {
                    order.push((folder.clone(), Some(Vec::new())));
                    order.len() - 1
                });
            }
            if let Some(rows) = &mut order[last].1 {
                rows.push(row as u32);
            }
        }
        if let [(_, only)] = order.as_mut_slice() {
            *only = None;
        }
        order
    }

    fn file(&mut self, folder: String) -> Result<usize, Error> {
        if let Some(file) = self.by_folder.get(&folder) {
            return Ok(*file);
        }
        if self.files.len() == MAX_PARTITIONS {
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

/// A value as a folder's name has it, but for nulls.
pub(crate) fn folder_text(value: &str) -> String {
    utf8_percent_encode(value, PLAIN).to_string()
}

/// Nothing of the data can make the encoder fail: what does is a bug.
fn broken(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("writing Parquet: {error}"))
}

/// A value as a folder's name: percent-encoded, null as [`NULL_PARTITION`].
fn write_value(folder: &mut String, array: &dyn Array, row: usize) {
    use arrow_array::types::{Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
    if array.is_null(row) {
        folder.push_str(NULL_PARTITION);
        return;
    }
    macro_rules! number {
        ($($arrow:pat => $type:ty),*) => {
            match array.data_type() {
                $($arrow => write!(folder, "{}", array.as_primitive::<$type>().value(row)),)*
                _ => Ok(()),
            }
        };
    }
    let _ = match array.data_type() {
        ArrowType::Utf8 => {
            let value = array.as_string::<i32>().value(row);
            // An empty name would be no folder; Hive writes it like null.
            if value.is_empty() { write!(folder, "{NULL_PARTITION}") } else { write!(folder, "{}", utf8_percent_encode(value, PLAIN)) }
        }
        ArrowType::Boolean => write!(folder, "{}", array.as_boolean().value(row)),
        ArrowType::Date32 => match array.as_primitive::<Date32Type>().value_as_date(row) {
            Some(date) => write!(folder, "{date}"),
            None => write!(folder, "{}", array.as_primitive::<Date32Type>().value(row)),
        },
        ArrowType::Decimal128(..) => write!(folder, "{}", array.as_primitive::<Decimal128Type>().value_as_string(row)),
        ArrowType::Time32(_) | ArrowType::Time64(_) | ArrowType::Timestamp(..) => write_moment(folder, array, row),
        _ => number!(
            ArrowType::Int8 => Int8Type, ArrowType::Int16 => Int16Type, ArrowType::Int32 => Int32Type, ArrowType::Int64 => Int64Type,
            ArrowType::UInt8 => UInt8Type, ArrowType::UInt16 => UInt16Type, ArrowType::UInt32 => UInt32Type, ArrowType::UInt64 => UInt64Type
        ),
    };
}

/// Times and moments in ISO 8601, percent-encoded; moments in UTC.
fn write_moment(folder: &mut String, array: &dyn Array, row: usize) -> std::fmt::Result {
    use arrow_array::temporal_conversions as temporal;
    use arrow_array::types::{
        Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
        TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    };
    use arrow_schema::TimeUnit;
    let text = match array.data_type() {
        ArrowType::Time32(TimeUnit::Second) => {
            temporal::time32s_to_time(array.as_primitive::<Time32SecondType>().value(row)).map(|t| t.to_string())
        }
        ArrowType::Time32(_) => temporal::time32ms_to_time(array.as_primitive::<Time32MillisecondType>().value(row)).map(|t| t.to_string()),
        ArrowType::Time64(TimeUnit::Microsecond) => {
            temporal::time64us_to_time(array.as_primitive::<Time64MicrosecondType>().value(row)).map(|t| t.to_string())
        }
        ArrowType::Time64(_) => temporal::time64ns_to_time(array.as_primitive::<Time64NanosecondType>().value(row)).map(|t| t.to_string()),
        ArrowType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => temporal::timestamp_s_to_datetime(array.as_primitive::<TimestampSecondType>().value(row)),
            TimeUnit::Millisecond => temporal::timestamp_ms_to_datetime(array.as_primitive::<TimestampMillisecondType>().value(row)),
            TimeUnit::Microsecond => temporal::timestamp_us_to_datetime(array.as_primitive::<TimestampMicrosecondType>().value(row)),
            TimeUnit::Nanosecond => temporal::timestamp_ns_to_datetime(array.as_primitive::<TimestampNanosecondType>().value(row)),
        }
        .map(|moment| moment.to_string()),
        _ => None,
    };
    write!(folder, "{}", utf8_percent_encode(&text.unwrap_or_default(), PLAIN))
}
