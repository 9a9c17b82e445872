//! Joins the records of a batch with reference tables.

use std::sync::Arc;

use arrow_array::{ArrayRef, UInt32Array};
use contract::rejects::{ErrorName, Finding};
use contract::{Contract, Join, Mapping, Unmatched};
use job::{Error, ErrorKind};
use wording::cut;

use super::{Keys, Lookup, SEED};
use crate::keys::hash;

/// The joins of a contract, with their tables.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    /// None: the contract has no joins.
    contract: Option<Arc<Contract>>,
    lookups: Vec<Lookup>,
}

impl Joins {
    /// The joins of a contract, each of which has to have its table.
    pub(crate) fn new(contract: &Arc<Contract>, lookups: Vec<Lookup>) -> Self {
        Self { contract: (!contract.transform.join.is_empty()).then(|| contract.clone()), lookups }
    }

    /// Adds the joined columns to those of a batch. Answers which records are filtered; none at
    /// all, if it is empty.
    ///
    /// A record that has a fault already is left alone: it stays one that is refused, and no table
    /// is asked about it. `text` gives the text that the record in a row has in a column of the
    /// source.
    pub(crate) fn work(
        &self,
        columns: &mut Vec<ArrayRef>,
        rows: usize,
        findings: &mut Vec<Finding>,
        mapping: &Mapping,
        mut text: impl FnMut(usize, u32) -> String,
    ) -> Result<Vec<bool>, Error> {
        let mut filtered = Vec::new();
        let Some(contract) = &self.contract else { return Ok(filtered) };
        let joins = &contract.transform.join;
        if joins.len() != self.lookups.len() {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("{} joins have {} tables", joins.len(), self.lookups.len()),
            ));
        }
        let mut is_out = vec![false; rows];
        findings.iter().for_each(|finding| is_out[finding.row as usize] = true);
        for (join, lookup) in joins.iter().zip(&self.lookups) {
            let found = lookup.rows_of(join, columns, rows)?;
            for (row, _) in found.iter().enumerate().filter(|(_, found)| found.is_none()) {
                if is_out[row] || join.unmatched == Unmatched::Null {
                    continue;
                }
                is_out[row] = true;
                if join.unmatched == Unmatched::Reject {
                    findings.push(finding(contract, join, row, mapping, &mut text));
                } else {
                    filtered.resize(rows, false);
                    filtered[row] = true;
                }
            }
            for joined in &join.columns {
                let column = rows::take(lookup.table.column(joined.column), &found);
                columns.push(column.map_err(|error| {
                    Error::new(
                        ErrorKind::Internal,
                        format!("taking a joined column: {}", wording::variant(&error)),
                    )
                })?);
            }
        }
        Ok(filtered)
    }
}

impl Lookup {
    /// For each record the row that goes with it, or null.
    pub(super) fn rows_of(
        &self,
        join: &Join,
        columns: &[ArrayRef],
        rows: usize,
    ) -> Result<UInt32Array, Error> {
        let keys = Keys::of(join.on.iter().map(|on| &columns[on.field]))?;
        let mut scratch = Vec::new();
        let found = (0..rows).map(|row| {
            if keys.write(row, &mut scratch) {
                self.find(hash(SEED, &scratch), &scratch)
            } else {
                None
            }
        });
        Ok(found.collect())
    }
}

/// What is wrong with a record that no row goes with.
fn finding(
    contract: &Contract,
    join: &Join,
    row: usize,
    mapping: &Mapping,
    text: &mut impl FnMut(usize, u32) -> String,
) -> Finding {
    let column = |field: usize| mapping.fields.get(field).copied().flatten();
    let names: Vec<_> =
        join.on.iter().map(|on| format!("`{}`", contract.column_name(on.field))).collect();
    let texts: Vec<_> =
        join.on.iter().filter_map(|on| column(on.field)).map(|column| text(row, column)).collect();
    let only = if let [only] = join.on.as_slice() { Some(only.field) } else { None };
    Finding {
        row: row as u32,
        offset: None,
        field: only.map(|field| field as u32),
        column: only.and_then(column),
        error: ErrorName::Lookup,
        rule: Some("join"),
        value: (!texts.is_empty()).then(|| cut(&texts.join(", "))),
        holder: None,
        // The value is told apart from it, where it may be told.
        message: format!("{} has no row with this {}", join.reference, names.join(", ")),
    }
}
