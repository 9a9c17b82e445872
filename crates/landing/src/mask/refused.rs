//! Takes masked values out of rejected records and their faults.

use contract::Contract;
use contract::Mask;
use contract::rejects::{ErrorName, Finding};
use csv_records::Row;
use csv_records::dialect::Dialect;
use wording::cut;

use super::{Masks, REDACTED, hash, last4};
use crate::batch::Batch;
use crate::batch::Cells;

/// What a masked cell of a rejected record begins with, so that it is known for one if the record
/// is sent again as it is.
const MARK: &str = "masked";
/// What stands after the mark: the first that has no meaning in the dialect.
const AFTER_MARK: [char; 4] = [':', '=', '-', '_'];

/// Whether a value is that of a masked cell.
pub(super) fn is_mark(text: &str) -> bool {
    text.strip_prefix(MARK).is_some_and(|rest| rest.starts_with(AFTER_MARK))
}

impl Masks {
    /// Writes the bytes of a rejected record: those of the source, but for the cells that are
    /// masked. Any cell of a malformed record may hold any value: none of them is left.
    pub(crate) fn write_record(
        &self,
        batch: &Batch<'_>,
        cells: &Cells<'_>,
        index: usize,
        dialect: &Dialect,
        out: &mut Vec<u8>,
    ) {
        let row = &batch.records[index];
        let copy = |range: std::ops::Range<usize>, out: &mut Vec<u8>| {
            out.extend_from_slice(&batch.source[batch.source_range(range)])
        };
        if !self.is_sound(row) {
            let delimiter = dialect.delimiter.encoded(dialect.encoding);
            let redacted = self.mark(Mask::Redact, None, dialect);
            for column in 0..row.fields {
                out.extend_from_slice(if column > 0 { &delimiter } else { &[] });
                out.extend_from_slice(&redacted);
            }
            return copy(row.content_end as usize..row.end as usize, out);
        }
        let mut at = row.start as usize;
        let mut scratch = Vec::new();
        let fields = batch.rows.fields_of(row).iter().zip(cells.fields_of(row)).zip(&self.cells);
        for ((field, cell), mask) in fields {
            let Some(mask) = mask.filter(|_| field.start() < field.end()) else { continue };
            copy(at..field.start(), out);
            let text = std::str::from_utf8(cell.value(&cells.window, dialect, &mut scratch));
            out.extend_from_slice(&self.mark(mask, text.ok(), dialect));
            at = field.end();
        }
        copy(at..row.end as usize, out);
    }

    /// What a key says of the text in a column of the source.
    pub(crate) fn text_of_key(&self, row: &Row, column: u32, text: String) -> String {
        if !self.is_sound(row) {
            return REDACTED.to_owned();
        }
        match self.cells.get(column as usize).copied().flatten() {
            Some(mask) => self.masked(mask, &text),
            None => text,
        }
    }

    /// Takes out of a finding what it may tell of masked values. Those of keys are made of [masked
    /// texts](Self::text_of_key).
    pub(crate) fn veil(
        &self,
        finding: &mut Finding,
        contract: &Contract,
        batch: &Batch<'_>,
        cells: &Cells<'_>,
        dialect: &Dialect,
    ) {
        let row = &batch.records[finding.row as usize];
        let is_sound = self.is_sound(row);
        let is_veiled = match (finding.field, finding.error) {
            (_, ErrorName::PrimaryKey | ErrorName::Unique) => return,
            (Some(field), _) => self.is_veiled[field as usize],
            (None, ErrorName::Transform) => self.is_filter_veiled,
            (None, _) => false,
        };
        if is_sound && !is_veiled {
            return;
        }
        let name = |field: u32| contract.column_name(field as usize);
        let rule = finding.rule.unwrap_or_default();
        if let Some(field) = finding.field.filter(|_| rule != "mask") {
            finding.message = match finding.error {
                ErrorName::Type => {
                    let data_type = contract
                        .schema
                        .fields
                        .get(field as usize)
                        .map(|field| row_sql::type_name(&field.data_type.arrow()));
                    format!(
                        "the value of `{}`, which is masked, is no {}",
                        name(field),
                        data_type.unwrap_or_default()
                    )
                }
                ErrorName::Constraint => format!(
                    "the value of `{}`, which is masked, breaks the constraint `{rule}`",
                    name(field)
                ),
                ErrorName::Transform => {
                    format!("`{}` has no value, because of one that is masked", name(field))
                }
                _ => std::mem::take(&mut finding.message),
            };
        } else if finding.error == ErrorName::Transform {
            finding.message = "`where` has no answer, because of a value that is masked".to_owned();
        }
        if finding.value.as_ref().is_none_or(String::is_empty) {
            return;
        }
        let mask = finding.column.and_then(|column| {
            self.cells.get(column as usize).copied().flatten().map(|mask| (column, mask))
        });
        let mut scratch = Vec::new();
        finding.value = Some(match mask.filter(|_| is_sound) {
            Some((column, mask)) => {
                let cell = cells.fields_of(row)[column as usize];
                match std::str::from_utf8(cell.value(&cells.window, dialect, &mut scratch)) {
                    Ok(text) => cut(&self.masked(mask, text)),
                    Err(_) => REDACTED.to_owned(),
                }
            }
            None => REDACTED.to_owned(),
        });
    }

    /// Whether a record is written so that each value stands in its column.
    fn is_sound(&self, row: &Row) -> bool {
        row.fields == self.width && !row.faulty
    }

    fn masked(&self, mask: Mask, text: &str) -> String {
        let mut out = String::new();
        self.write(mask, text, &mut out);
        out
    }

    /// What stands for a cell in a rejected record: ASCII without a meaning in the dialect, or
    /// nothing.
    fn mark(&self, mask: Mask, text: Option<&str>, dialect: &Dialect) -> Vec<u8> {
        let mut left = String::new();
        match (mask, &self.salt, text) {
            (Mask::Sha256, Some(salt), Some(text)) => {
                row_sql::write_hexadecimal(hash(&salt.0, text).as_ref(), &mut left)
            }
            (Mask::Last4, _, Some(text)) => left.extend(
                last4(text).chars().map(|c| if c.is_ascii_alphanumeric() { c } else { 'x' }),
            ),
            _ => left.push_str(REDACTED),
        }
        let tokens = [
            Some(dialect.delimiter),
            dialect.quote_char,
            dialect.escape_char,
            dialect.comment_char,
        ];
        let meaning: Vec<u8> =
            tokens.iter().flatten().flat_map(|token| token.as_bytes()).copied().collect();
        let has_meaning = |text: &str| text.bytes().any(|byte| meaning.contains(&byte));
        let marked = AFTER_MARK
            .iter()
            .map(|after| format!("{MARK}{after}{left}"))
            .find(|marked| !has_meaning(marked));
        dialect.encoding.encode_ascii(marked.unwrap_or_default().as_bytes())
    }
}
