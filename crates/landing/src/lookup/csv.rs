//! Reads a reference table from a CSV file, as sources are read.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{Field, Schema};
use contract::{Compression, Contract, Drift, Join, Mapping, Output, RejectsLimit, Transform};
use csv_records::dialect::{Dialect, StatedDialect};
use csv_records::{Limits, Rows, ShardReader};
use job::DatasetName;
use job::{Error, ErrorKind};

use super::check_rows;
use crate::batch::Batch;
use crate::columns::{self, Records};
use crate::opening::{Opening, Stated};

/// Rows that are typed at once.
const BATCH_ROWS: usize = 8 * 1024;

/// The columns of the join's schema.
pub(super) fn read(join: &Join, bytes: &[u8]) -> Result<RecordBatch, Error> {
    let name = join.reference.to_string();
    let dialect = StatedDialect { header: Some(true), ..StatedDialect::default() };
    let stated = Stated {
        name: &name,
        compression: Compression::Auto,
        encoding: None,
        dialect: &dialect,
        schema: Some(&join.schema),
    };
    let opening = Opening::read(&stated, Limits::default(), bytes, true, bytes.len().max(1))?
        .ok_or_else(|| Error::new(ErrorKind::SourceCorrupt, format!("{name} has no header")))?;
    if opening.compression != Compression::None {
        return Err(Error::new(
            ErrorKind::SourceCorrupt,
            format!(
                "{name} is packed ({}), which references may not be",
                opening.compression.name()
            ),
        ));
    }
    opening.check_header(&name)?;
    let drifted = |drift: Drift| {
        Error::new(
            ErrorKind::SchemaDrift,
            format!("{name} does not match the join's fields: {}", drift.differences()),
        )
    };
    let mapping = join.schema.match_header(&opening.header.names).map_err(drifted)?;
    let mut chunks = no_rows(join);
    let mut count = 0;
    let mut reader = ShardReader::new(
        &opening.dialect,
        0..bytes.len() as u64,
        Some(opening.header.data_start),
        mapping.columns as usize,
        Limits::default(),
    );
    if let Some(wanted) = reader.wants() {
        reader.push(&bytes[wanted as usize..], true);
    }
    let mut rows = Rows::default();
    let long = |_| {
        Error::new(
            ErrorKind::LimitExceeded,
            format!("a record of {name} is too long; is a quote left open?"),
        )
    };
    while let Some(batch) = reader.next(BATCH_ROWS, &mut rows).map_err(long)? {
        let batch = Batch::new(batch, &rows, &opening.dialect);
        count += batch.records.len();
        check_rows(join, count)?;
        for (chunk, column) in chunks.iter_mut().zip(columns_of(
            join,
            &batch,
            &mapping,
            &opening.dialect,
            opening.header.lines_before_data,
        )?) {
            chunk.push(column);
        }
    }
    table(join, &chunks, count)
}

/// The columns of a batch, all of whose values are sound: a table that decides about other records
/// may have no fault of its own.
fn columns_of(
    join: &Join,
    batch: &Batch<'_>,
    mapping: &Mapping,
    dialect: &Dialect,
    lines_before: u64,
) -> Result<Vec<ArrayRef>, Error> {
    let cells = batch.cells();
    let mut findings = batch.faults(mapping.columns, &cells);
    let records = Records {
        window: &cells.window,
        rows: &batch.records,
        fields: &cells.fields,
        dialect,
        is_utf8: cells.is_utf8,
    };
    let contract = Contract {
        name: DatasetName::parse("reference")
            .map_err(|message| Error::new(ErrorKind::Internal, message))?,
        dialect: StatedDialect::default(),
        encoding: None,
        compression: Compression::None,
        member: None,
        schema: join.schema.clone(),
        transform: Transform::default(),
        rejects_limit: RejectsLimit::None,
        hold: contract::Hold::default(),
        afterwards: None,
        arrivals: None,
        schedule: None,
        concurrent_jobs: None,
        expect: Default::default(),
        output: Output::default(),
    };
    let columns = columns::read(records, &contract, mapping, &mut findings);
    let Some(first) = findings.iter().min_by_key(|finding| finding.row) else { return Ok(columns) };
    let line = lines_before + batch.lines()[first.row as usize] + 1;
    let field = first.field.map_or_else(String::new, |field| {
        format!(" in `{}`", join.schema.fields[field as usize].name)
    });
    // Not the message: it quotes the value.
    Err(Error::new(
        ErrorKind::SourceCorrupt,
        format!(
            "line {line} of {} has a {}{field}; mend it and submit the job again",
            join.reference,
            first.error.as_str()
        ),
    ))
}

/// The columns of the join's schema, before any rows.
pub(super) fn no_rows(join: &Join) -> Vec<Vec<ArrayRef>> {
    let column = |field: &contract::Field| vec![rows::all_null(&field.data_type.arrow(), 0)];
    join.schema.fields.iter().map(column).collect()
}

/// A table of the columns of the join's schema.
pub(super) fn table(
    join: &Join,
    chunks: &[Vec<ArrayRef>],
    rows: usize,
) -> Result<RecordBatch, Error> {
    let columns = chunks
        .iter()
        .map(|chunks| rows::concat(&chunks.iter().map(AsRef::as_ref).collect::<Vec<_>>()));
    let columns = columns.collect::<Result<_, _>>().map_err(|error| {
        Error::new(ErrorKind::Internal, format!("joining columns: {}", wording::variant(&error)))
    })?;
    let fields: Vec<Field> = join
        .schema
        .fields
        .iter()
        .map(|field| Field::new(&field.name, field.data_type.arrow(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options).map_err(
        |error| {
            Error::new(
                ErrorKind::Internal,
                format!(
                    "the columns of {} make no table: {}",
                    join.reference,
                    wording::variant(&error)
                ),
            )
        },
    )
}
