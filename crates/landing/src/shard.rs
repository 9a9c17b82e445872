//! One shard from bytes to files and rejects: the records that start in its range are typed,
//! checked, and stored or rejected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::ArrayRef;
use contract::rejects::{ErrorName, FAULTS_PER_RECORD, Finding};
use contract::{Contract, Mapping};
use csv_records::dialect::{Dialect, RepeatedHeader};
use csv_records::line_counter::LineCounter;
use csv_records::{Limits, Row, Rows, ShardReader, Tile};
use job::limits::{FOLDERS_BYTES, SEGMENT_BYTES};
use job::message::Counts;
use job::{Error, ErrorKind};
use wording::cut;

use crate::batch::Batch;
use crate::batch::Cells;
use crate::columns::{self, Records, keep};
use crate::files::{Files, FolderLimits, Lineage};
use crate::keys::{Claims, Taken, Terms};
use crate::lookup::{Joins, Lookup};
use crate::mask::check_salt;
use crate::mask::{Masks, Salt};
use crate::plan::{Layout, Plan, PlannedObject, ShardPart};
use crate::profile::Sketch;
use crate::transform;

/// Most cells of a batch: enough to type columns in long runs, and little to keep.
const BATCH_CELLS: usize = 32 * 1024;
/// Most rows of a batch.
const BATCH_ROWS: usize = 8 * 1024;

/// A shard on its way, object by object: [begun](Self::begin), fed the bytes that it
/// [`wants`](Self::wants), and [ended](Self::end). What is ready is taken from its
/// [`files`](Self::files) and with [`take_refused`](Self::take_refused).
pub struct ShardTransform {
    limits: Limits,
    object: Option<ObjectReader>,
    rows: Rows,
    sheet: BatchPipeline,
}

/// What is read of one object.
struct ObjectReader {
    reader: ShardReader,
    batch_rows: usize,
    /// The shard guessed its start wrong: what it writes is void, but its tile tells where it
    /// should have started.
    is_void: bool,
    lead: Option<Lead>,
    /// Rows of the shard before the object.
    before: Counts,
}

/// The lines between the start of the range and the first row, for the lineage. They are counted
/// once it is known where the first row starts.
struct Lead {
    counter: LineCounter,
    /// The byte at which the unit before the range begins: it tells whether an LF at its start
    /// belongs to a CR.
    previous: Option<u64>,
    /// Bytes of a unit.
    unit: usize,
    /// Bytes that may or may not lie before the first row.
    open: Vec<u8>,
    /// Where they begin.
    from: u64,
}

/// What records are turned into.
struct BatchPipeline {
    contract: Arc<Contract>,
    /// The position of the layout in the plan, and what of it matters for each batch; `None`: no
    /// object was begun.
    layout: Option<u32>,
    mapping: Mapping,
    dialect: Dialect,
    /// Tables that are looked up.
    joins: Joins,
    salt: Option<Salt>,
    masks: Option<Masks>,
    files: Files,
    /// Of what is stored: [positions](contract::Stored::index), and what is known of the columns.
    stored: Vec<usize>,
    sketch: Sketch,
    /// Of a contract with keys.
    claims: Option<Claims>,
    counts: Counts,
    /// Records of the objects before.
    records_before: u64,
    /// Lines of rejected records besides the first of each.
    surplus_lines: u64,
    /// Rejected records by their faults.
    faults: BTreeMap<ErrorName, u64>,
    /// Lines of the object before the shard's first row, when they are known.
    lines_before: Option<u64>,
    rejects: Vec<u8>,
    errors: Vec<u8>,
}

impl ShardTransform {
    /// A shard of a plan, with the plan's contract and the salt of its masks. `taken`: the keys of
    /// its records that earlier ones claim, once that is known.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::ContractInvalid`]: the contract wants a salt, and there is none.
    pub fn new(
        plan: &Plan,
        contract: Arc<Contract>,
        taken: Option<Vec<Taken>>,
        salt: Option<&Salt>,
    ) -> Result<Self, Error> {
        check_salt(&contract, salt)?;
        let (stored, columns_stored): (Vec<_>, Vec<_>) =
            contract.stored().map(|column| (column.index, (column.name, column.data_type))).unzip();
        let sheet = BatchPipeline {
            sketch: Sketch::new(columns_stored),
            stored,
            files: Files::new(contract.clone(), Lineage::of(plan))?,
            joins: Joins::new(&contract, Vec::new()),
            salt: salt.cloned(),
            masks: None,
            claims: Claims::new(Terms::of(plan), &contract.schema.keys, taken),
            contract,
            layout: None,
            mapping: Mapping::default(),
            dialect: Dialect::default(),
            counts: Counts::default(),
            records_before: 0,
            surplus_lines: 0,
            faults: BTreeMap::new(),
            lines_before: None,
            rejects: Vec::new(),
            errors: Vec::new(),
        };
        Ok(Self { limits: plan.limits(), object: None, rows: Rows::default(), sheet })
    }

    /// Begins with the next object, once all that is ready of those before was taken.
    pub fn begin(&mut self, object: &PlannedObject, layout: &Layout, part: &ShardPart) {
        let ShardPart { range, first, line } = part.clone();
        let columns = layout.mapping.columns as usize;
        let unit = layout.dialect.encoding.unit_bytes();
        self.sheet.begin(object, layout, line);
        self.object = Some(ObjectReader {
            batch_rows: (BATCH_CELLS / columns.max(1)).clamp(1, BATCH_ROWS),
            is_void: false,
            lead: line.map(|_| Lead {
                counter: LineCounter::new(&layout.dialect),
                previous: range.start.checked_sub(unit as u64),
                unit,
                open: Vec::new(),
                from: range.start,
            }),
            before: self.sheet.counts,
            reader: ShardReader::new(&layout.dialect, range, first, columns, self.limits),
        });
    }

    /// The same shard, with the tables that the contract joins, in their order.
    pub fn looking_up(mut self, tables: Vec<Lookup>) -> Self {
        self.sheet.joins = Joins::new(&self.sheet.contract, tables);
        self
    }

    /// The same shard, whose files keep to limits.
    pub fn within(mut self, limits: FolderLimits) -> Self {
        self.sheet.files = self.sheet.files.within(limits);
        self
    }

    /// The next byte of the object that it wants; `None`: no more.
    pub fn wants(&self) -> Option<u64> {
        self.object.as_ref()?.reader.wants()
    }

    /// Takes in the next bytes of the object, which begin at byte `at`: the first block at the unit
    /// before the shard's range (or at the object's start). All rows that they complete are worked.
    /// `end_of_source`: no bytes of the object come after them.
    pub fn push(&mut self, at: u64, block: &[u8], end_of_source: bool) -> Result<(), Error> {
        let Some(object) = &mut self.object else { return Ok(()) };
        let Some(wanted) = object.reader.wants() else { return Ok(()) };
        let passed = (wanted.saturating_sub(at) as usize).min(block.len());
        if let Some(lead) = &mut object.lead {
            let lines = lead.take(at, block, passed);
            self.sheet.lines_before = self.sheet.lines_before.map(|before| before + lines);
        }
        if passed < block.len() || end_of_source {
            object.reader.push(&block[passed..], end_of_source);
        }
        loop {
            let batch = match object.reader.next(object.batch_rows, &mut self.rows) {
                Ok(Some(batch)) => batch,
                Ok(None) => return Ok(()),
                Err(long) if long.certain => {
                    return Err(Error::new(
                        ErrorKind::LimitExceeded,
                        format!(
                            "the record at byte {} has more than {} bytes; is a quote left open there?",
                            long.at, long.limit
                        ),
                    )
                    .at(long.at));
                }
                Err(_) => {
                    object.is_void = true;
                    continue;
                }
            };
            if let Some(mut lead) = object.lead.take() {
                let lines = lead.count_to(batch.at);
                self.sheet.lines_before = self.sheet.lines_before.map(|before| before + lines);
            }
            if !object.is_void {
                let (dialect, from) = (&self.sheet.dialect, batch.at);
                let batch = Batch::new(batch, &self.rows, dialect);
                self.sheet.take(&batch).map_err(|error| error.at(from))?;
            }
        }
    }

    /// The files of the shard.
    pub fn files(&mut self) -> &mut Files {
        &mut self.sheet.files
    }

    /// What is known of the columns that are stored.
    pub fn sketch(&self) -> &Sketch {
        &self.sheet.sketch
    }

    /// What was refused since the last time: records, and lines of errors.
    pub fn take_refused(&mut self) -> (Vec<u8>, Vec<u8>) {
        (std::mem::take(&mut self.sheet.rejects), std::mem::take(&mut self.sheet.errors))
    }

    /// Lines of the records that were rejected, besides the first of each.
    pub fn surplus_lines(&self) -> u64 {
        self.sheet.surplus_lines
    }

    /// Rejected records by their faults. A record with several counts for each.
    pub fn faults(&self) -> &BTreeMap<ErrorName, u64> {
        &self.sheet.faults
    }

    /// Takes the pieces of the keys that became ready since the last time.
    pub fn take_keys(&mut self) -> Vec<Vec<u8>> {
        self.sheet.claims.as_mut().map_or_else(Vec::new, Claims::take_pieces)
    }

    /// Ends the object that was begun last: how the shard tiles it, and its rows.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Internal`]: not all records that were found were worked.
    pub fn end(&mut self) -> Result<(Tile, Counts), Error> {
        let Some(object) = self.object.take() else {
            return Err(Error::new(ErrorKind::Internal, "no object was begun"));
        };
        let tile = object.reader.finish();
        let counts = self.sheet.counts - object.before;
        if !object.is_void && tile.records != counts.read {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("{} records were found and {} read", tile.records, counts.read),
            ));
        }
        Ok((tile, counts))
    }

    /// Ends the files, once all objects are ended. The answer is all rows.
    pub fn finish(&mut self) -> Result<Counts, Error> {
        self.sheet.files.close()?;
        self.sheet.claims.as_mut().map_or(Ok(()), Claims::finish)?;
        Ok(self.sheet.counts)
    }
}

impl Lead {
    /// Takes in a block, of which the first `passed` bytes certainly lie before the first row;
    /// answers the lines in those.
    fn take(&mut self, at: u64, block: &[u8], passed: usize) -> u64 {
        let mut skip = 0;
        if self.previous.take_if(|previous| *previous == at).is_some() {
            skip = block.len().min(self.unit);
            self.counter.count(&block[..skip]);
        }
        let passed = passed.max(skip);
        self.open.extend_from_slice(&block[passed..]);
        self.from =
            if self.open.len() == block.len() - passed { at + passed as u64 } else { self.from };
        self.counter.count(&block[skip..passed])
    }

    /// Lines in what lies before the first row.
    fn count_to(&mut self, first: u64) -> u64 {
        let count = (first.saturating_sub(self.from) as usize).min(self.open.len());
        self.counter.count(&self.open[..count])
    }
}

impl BatchPipeline {
    /// Goes on to the next object. `line`: the line on which what is read of it begins.
    fn begin(&mut self, object: &PlannedObject, layout: &Layout, line: Option<u64>) {
        self.records_before = self.counts.read;
        self.lines_before = line.map(|line| line - 1);
        self.files.begin_source(object.name());
        if self.layout == Some(object.layout) {
            return;
        }
        self.layout = Some(object.layout);
        self.mapping = layout.mapping.clone();
        self.dialect = layout.dialect.clone();
        self.masks = Masks::new(&self.contract, &self.mapping, self.salt.as_ref());
    }

    fn take(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        let cells = batch.cells();
        let mut findings = batch.faults(self.mapping.columns, &cells);
        for finding in &mut findings {
            finding.field = self
                .mapping
                .fields
                .iter()
                .position(|mapped| *mapped == finding.column)
                .map(|field| field as u32);
        }
        let Cells { window, fields, is_utf8, .. } = &cells;
        let records = Records {
            window,
            rows: &batch.records,
            fields,
            dialect: &self.dialect,
            is_utf8: *is_utf8,
        };
        let mut columns = columns::read(records, &self.contract, &self.mapping, &mut findings);
        let read = batch.records.len();
        let repeated = batch.repeated_headers(&self.mapping.header, &cells, &self.dialect);
        if let Some(masks) = &self.masks {
            masks.check(&columns, &mut findings);
        }
        let filtered =
            self.joins.work(&mut columns, read, &mut findings, &self.mapping, |row, column| {
                text_of(self.masks.as_ref(), &self.dialect, &cells, &batch.records[row], column)
            })?;
        let mut filtered =
            transform::work(&self.contract.transform, &mut columns, read, &mut findings, filtered)?;
        if !repeated.is_empty() {
            // Nothing else that is said of them matters.
            findings.retain(|finding| !repeated.contains(&(finding.row as usize)));
            if self.dialect.repeated_header == RepeatedHeader::Reject {
                findings.extend(repeated.iter().map(|row| Batch::repeated_header(*row)));
            } else {
                filtered.resize(read, false);
                repeated.iter().for_each(|row| filtered[*row] = true);
            }
        }
        if let Some(masks) = &self.masks {
            masks.work(&mut columns)?;
        }
        self.check_folders(batch, &cells, &columns, &filtered, &mut findings);
        self.check_keys(batch, &cells, &columns, &filtered, &mut findings)?;
        self.counts.read += read as u64;
        let lines = |is_kept: &dyn Fn(usize) -> bool| -> Vec<u64> {
            let Some(before) = self.lines_before else { return Vec::new() };
            batch
                .lines()
                .iter()
                .enumerate()
                .filter(|(row, _)| is_kept(*row))
                .map(|(_, line)| before + line + 1)
                .collect()
        };
        let is_filtered = filtered.contains(&true);
        if findings.is_empty() && !is_filtered {
            self.counts.stored += read as u64;
            let lines = lines(&|_| true);
            return self.store(&columns, &lines, read);
        }
        let mut is_good = vec![true; read];
        for finding in &findings {
            is_good[finding.row as usize] = false;
        }
        let rejected = is_good.iter().filter(|good| !**good).count();
        is_good.iter_mut().zip(&filtered).for_each(|(good, filtered)| *good &= !filtered);
        let lines = lines(&|row| is_good[row]);
        self.refuse(batch, &cells, findings);
        let stored = is_good.iter().filter(|good| **good).count();
        self.counts.stored += stored as u64;
        self.counts.rejected += rejected as u64;
        self.counts.filtered += (read - stored - rejected) as u64;
        self.store(&keep(columns, is_good, &self.stored)?, &lines, stored)
    }

    /// Refuses records whose values name folders that no store has room for.
    fn check_folders(
        &self,
        batch: &Batch<'_>,
        cells: &Cells<'_>,
        columns: &[ArrayRef],
        filtered: &[bool],
        findings: &mut Vec<Finding>,
    ) {
        let long = self.files.too_long(columns, batch.records.len());
        findings.extend(long.into_iter().filter(|long| filtered.get(long.row) != Some(&true)).map(|long| {
            let name = self.contract.column_name(long.column);
            let message = match long.together {
                None => format!("the folder of `{name}` would have {} bytes, and a name can have {SEGMENT_BYTES}", long.bytes),
                Some(together) => format!(
                    "the folders would have {together} bytes, {} of them for `{name}`, and keys leave {FOLDERS_BYTES} to them",
                    long.bytes
                ),
            };
            // Of a joined or derived column the record itself has no text.
            let column = self.mapping.fields.get(long.column).copied().flatten();
            let text = |column| cut(&text_of(self.masks.as_ref(), &self.dialect, cells, &batch.records[long.row], column));
            Finding {
                row: long.row as u32,
                offset: None,
                field: Some(long.column as u32),
                column,
                error: ErrorName::Constraint,
                rule: Some("partition-value"),
                value: column.map(text),
                holder: None,
                message,
            }
        }));
    }

    /// Refuses records with keys that are taken, on top of the faults that were found.
    fn check_keys(
        &mut self,
        batch: &Batch<'_>,
        cells: &Cells<'_>,
        columns: &[ArrayRef],
        filtered: &[bool],
        findings: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        let Some(claims) = &mut self.claims else { return Ok(()) };
        let mut is_good = vec![true; batch.records.len()];
        findings.iter().for_each(|finding| is_good[finding.row as usize] = false);
        for duplicate in claims.take(columns, &is_good, filtered)? {
            let record = &batch.records[duplicate.row];
            let text =
                |column: u32| text_of(self.masks.as_ref(), &self.dialect, cells, record, column);
            findings.push(claims.finding(&duplicate, &self.contract.schema, &self.mapping, text));
        }
        Ok(())
    }

    fn store(&mut self, columns: &[ArrayRef], lines: &[u64], rows: usize) -> Result<(), Error> {
        let new = self.files.write(columns, lines, rows)?;
        self.sketch
            .observe_coded(self.stored.iter().map(|index| (&columns[*index], new.of(*index))));
        Ok(())
    }

    /// Writes the rejected records and their faults, by record, then by column.
    fn refuse(&mut self, batch: &Batch<'_>, cells: &Cells<'_>, mut findings: Vec<Finding>) {
        if let Some(masks) = &self.masks {
            findings.iter_mut().for_each(|finding| {
                masks.veil(finding, &self.contract, batch, cells, &self.dialect)
            });
        }
        findings.sort_by_key(|finding| (finding.row, finding.column));
        for faults in findings.chunk_by(|a, b| a.row == b.row) {
            let index = faults[0].row as usize;
            for fault in faults.iter().map(|finding| finding.error).collect::<BTreeSet<_>>() {
                *self.faults.entry(fault).or_default() += 1;
            }
            let row = &batch.records[index];
            self.surplus_lines += batch.span(index) - 1;
            match &self.masks {
                Some(masks) => {
                    masks.write_record(batch, cells, index, &self.dialect, &mut self.rejects)
                }
                None => self.rejects.extend_from_slice(
                    &batch.source[batch.source_range(row.start as usize..row.end as usize)],
                ),
            }
            let is_whole = self.rejects.len().is_multiple_of(self.dialect.encoding.unit_bytes());
            if row.content_end == row.end && is_whole {
                // The source ends without a terminator, but a fixed one may be sent again with more
                // after it.
                self.rejects.extend(self.dialect.newline());
            }
            for finding in faults.iter().take(FAULTS_PER_RECORD) {
                let field =
                    finding.field.map(|field| self.contract.column_name(field as usize).to_owned());
                let mut entry = batch.entry(finding, field);
                entry.record += self.records_before;
                entry.write(&mut self.errors);
            }
        }
    }
}

/// The text that a record has in a column of the source, masked if it has to be. A record that is
/// filled up has none in its last columns.
fn text_of(
    masks: Option<&Masks>,
    dialect: &Dialect,
    cells: &Cells<'_>,
    record: &Row,
    column: u32,
) -> String {
    let mut scratch = Vec::new();
    let field = cells.fields_of(record).get(column as usize);
    let text = field.map_or_else(String::new, |field| {
        String::from_utf8_lossy(field.value(&cells.window, dialect, &mut scratch)).into_owned()
    });
    match masks {
        Some(masks) => masks.text_of_key(record, column, text),
        None => text,
    }
}
