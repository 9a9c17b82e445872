//! Applies the expressions of a contract to records.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray};
use contract::Transform;
use contract::rejects::{ErrorName, Finding};
use job::{Error, ErrorKind};

/// Works the expressions over the columns of the schema's fields and those that were joined, and
/// adds the derived ones. `filtered` are the records that were left out before (empty: none);
/// answers which are by now.
///
/// A record that has a fault already is left alone: it stays one that is refused, and no expression
/// is asked about it.
pub(crate) fn work(
    transform: &Transform,
    columns: &mut Vec<ArrayRef>,
    rows: usize,
    findings: &mut Vec<Finding>,
    mut filtered: Vec<bool>,
) -> Result<Vec<bool>, Error> {
    if transform.filter.is_none() && transform.derive.is_empty() {
        return Ok(filtered);
    }
    let mut is_refused = vec![false; rows];
    findings.iter().for_each(|finding| is_refused[finding.row as usize] = true);
    let mut skipped = match filtered.is_empty() {
        true => (!findings.is_empty()).then(|| BooleanArray::from(is_refused.clone())),
        false => Some(
            is_refused
                .iter()
                .zip(&filtered)
                .map(|(refused, filtered)| Some(*refused || *filtered))
                .collect(),
        ),
    };
    if let Some(filter) = &transform.filter {
        let evaluated = filter.evaluate(columns, rows, skipped.as_ref()).map_err(no_answer)?;
        for (row, reason) in evaluated.failed {
            is_refused[row] = true;
            findings.push(failure(row, None, "where", format!("`where` has no answer: {reason}")));
        }
        let holds = evaluated.array.as_boolean();
        if holds.true_count() < rows {
            let was = |row: usize| filtered.get(row).is_some_and(|filtered| *filtered);
            filtered = (0..rows)
                .map(|row| {
                    was(row) || !is_refused[row] && (holds.is_null(row) || !holds.value(row))
                })
                .collect();
            skipped = Some(
                is_refused
                    .iter()
                    .zip(&filtered)
                    .map(|(refused, filtered)| Some(*refused || *filtered))
                    .collect(),
            );
        }
    }
    let fields = columns.len();
    for (index, derived) in transform.derive.iter().enumerate() {
        let evaluated =
            derived.expression.evaluate(columns, rows, skipped.as_ref()).map_err(no_answer)?;
        for (row, reason) in evaluated.failed {
            // A later one may need what failed here: that is not a fault of its own.
            if !is_refused[row] {
                is_refused[row] = true;
                let message = format!("`{}` has no value: {reason}", derived.name);
                findings.push(failure(row, Some((fields + index) as u32), "derive", message));
            }
        }
        columns.push(evaluated.array);
    }
    Ok(filtered)
}

fn failure(row: usize, field: Option<u32>, rule: &'static str, message: String) -> Finding {
    let row = row as u32;
    Finding {
        row,
        offset: None,
        field,
        column: None,
        error: ErrorName::Transform,
        rule: Some(rule),
        value: None,
        holder: None,
        message,
    }
}

/// An expression that has no answer for any record ends the job.
pub(crate) fn no_answer(error: row_sql::Error) -> Error {
    match error {
        row_sql::Error::TooMuchText(message) => Error::new(ErrorKind::LimitExceeded, message),
        row_sql::Error::Internal(message) => Error::new(ErrorKind::Internal, message),
    }
}
