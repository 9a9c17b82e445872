//! Replaces values that may not leave as they are: in what is stored, in what a fault tells, and in
//! rejected records.
//!
//! `where` and `derive` see values as they were. Then those of the columns that `transform.mask`
//! names are replaced, before keys are compared, the profile is taken and rows are written: what
//! comes after knows only what is left of them. A record is rejected as it was read, so its masked
//! cells are replaced in its bytes, and what is said of its faults is written anew wherever it
//! could tell a value. What `derive` makes of a masked column is stored as it says, unless that is
//! masked too.

mod refused;

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use contract::Mask;
use contract::rejects::{ErrorName, Finding};
use contract::{Contract, Mapping};
use job::{Error, ErrorKind};
use sha2::{Digest, Sha256};

/// What hashes are salted with: who does not know it can't try out values.
#[derive(Clone)]
pub struct Salt(Arc<str>);

impl Salt {
    /// Fewest bytes of a salt: a shorter one can be tried out, too.
    pub const LEAST_BYTES: usize = 16;

    /// Takes a salt as it is configured.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.len() {
            length if length < Self::LEAST_BYTES => Err(format!(
                "the salt of masks has {length} bytes, and at least {} are needed",
                Self::LEAST_BYTES
            )),
            _ => Ok(Self(text.into())),
        }
    }
}

impl std::fmt::Debug for Salt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// Whether the contract can be kept with this salt, or without one.
///
/// # Errors
///
/// [`ErrorKind::ContractInvalid`]: it hashes values, and there is no salt.
pub fn check_salt(contract: &Contract, salt: Option<&Salt>) -> Result<(), Error> {
    match contract.hashed().filter(|_| salt.is_none()) {
        None => Ok(()),
        Some(hashed) => Err(Error::new(
            ErrorKind::ContractInvalid,
            format!(
                "`transform.mask` hashes `{hashed}`, and no salt is configured: the stack's parameter MaskSaltArn has to name one, or the \
             environment variable LANDFALL_MASK_SALT of `landfall run` to say it"
            ),
        )),
    }
}

/// The masks of a contract, at work.
#[derive(Debug)]
pub(crate) struct Masks {
    salt: Option<Salt>,
    /// By [position](contract::Stored::index).
    columns: Vec<Option<Mask>>,
    /// By position, whether what is said of it may tell a masked value: of what is masked, and of
    /// what is derived from such.
    is_veiled: Vec<bool>,
    /// Whether `where` reads such a column.
    is_filter_veiled: bool,
    /// By column of the source, from 0. The source may have more.
    cells: Vec<Option<Mask>>,
    /// Columns of the source.
    width: u32,
    /// The positions of the masked fields, and the columns of the source from which they are read.
    fields: Vec<(usize, Option<u32>)>,
}

impl Masks {
    /// Those of a contract, if it has any. Without a salt, what it says to hash is redacted.
    pub(crate) fn new(contract: &Contract, mapping: &Mapping, salt: Option<&Salt>) -> Option<Self> {
        let transform = &contract.transform;
        if transform.mask.is_empty() {
            return None;
        }
        let fields = contract.schema.fields.len();
        let joined = transform.joined();
        let mut columns = vec![None; fields + joined + transform.derive.len()];
        transform.mask.iter().for_each(|masked| columns[masked.index] = Some(masked.with));
        let mut is_veiled: Vec<bool> = columns.iter().map(Option::is_some).collect();
        let mut at = fields;
        for join in &transform.join {
            // What goes with a masked value tells of it.
            let tells = join.on.iter().any(|on| is_veiled[on.field]);
            is_veiled[at..at + join.columns.len()]
                .iter_mut()
                .for_each(|is_veiled| *is_veiled |= tells);
            at += join.columns.len();
        }
        let reads_veiled = |is_veiled: &[bool], expression: &row_sql::Expression| {
            expression.columns().iter().any(|column| is_veiled[*column])
        };
        for (index, derived) in transform.derive.iter().enumerate() {
            is_veiled[fields + joined + index] |= reads_veiled(&is_veiled, &derived.expression);
        }
        let masked =
            transform.mask.iter().map(|masked| masked.index).filter(|index| *index < fields);
        let masked: Vec<_> = masked.map(|index| (index, mapping.fields[index])).collect();
        let mut cells = vec![None; mapping.columns as usize];
        for (index, column) in &masked {
            if let Some(cell) = column.and_then(|column| cells.get_mut(column as usize)) {
                *cell = columns[*index];
            }
        }
        let is_filter_veiled =
            transform.filter.as_ref().is_some_and(|filter| reads_veiled(&is_veiled, filter));
        Some(Self {
            salt: salt.cloned(),
            columns,
            is_veiled,
            is_filter_veiled,
            cells,
            width: mapping.columns,
            fields: masked,
        })
    }

    /// Refuses records whose values were masked before: a mask of a mask would be taken for that of
    /// a value.
    pub(crate) fn check(&self, columns: &[ArrayRef], findings: &mut Vec<Finding>) {
        for (index, column) in &self.fields {
            let Some(texts) = columns[*index].as_string_opt::<i32>() else { continue };
            let masked =
                texts.iter().enumerate().filter(|(_, text)| text.is_some_and(refused::is_mark));
            findings.extend(masked.map(|(row, _)| Finding {
                row: row as u32,
                offset: None,
                field: Some(*index as u32),
                column: *column,
                error: ErrorName::Constraint,
                rule: Some("mask"),
                value: None,
                holder: None,
                message: "the value is masked already; what the source had has to be put in its place".to_owned(),
            }));
        }
    }

    /// Replaces the values of all columns that are masked.
    pub(crate) fn work(&self, columns: &mut [ArrayRef]) -> Result<(), Error> {
        for (column, mask) in columns.iter_mut().zip(&self.columns) {
            let Some(mask) = mask else { continue };
            let texts = row_sql::texts(column).map_err(crate::transform::no_answer)?;
            let texts = texts.as_string::<i32>();
            let mut out = StringBuilder::with_capacity(texts.len(), texts.len() * 8);
            let mut left = String::new();
            for text in texts {
                left.clear();
                out.append_option(text.map(|text| {
                    self.write(*mask, text, &mut left);
                    &left
                }));
            }
            *column = Arc::new(out.finish());
        }
        Ok(())
    }

    /// Writes what is left of a value.
    fn write(&self, mask: Mask, value: &str, out: &mut String) {
        match (mask, &self.salt) {
            (Mask::Sha256, Some(Salt(salt))) => {
                row_sql::write_hexadecimal(hash(salt, value).as_ref(), out)
            }
            (Mask::Redact, _) | (Mask::Sha256, None) => out.push_str(REDACTED),
            (Mask::Last4, _) => {
                out.push_str("****");
                out.push_str(last4(value));
            }
        }
    }
}

/// The text that stands for a value of which nothing is left.
const REDACTED: &str = "redacted";
/// Fewest characters of a text that shows four of them.
const SHOWN_FROM_CHARS: usize = 8;

fn hash(salt: &str, value: &str) -> impl AsRef<[u8]> + use<> {
    Sha256::new().chain_update(salt).chain_update(value).finalize()
}

/// The last four characters, if the text has so many that they tell little.
fn last4(value: &str) -> &str {
    let start = value.char_indices().rev().nth(3).map_or(0, |(start, _)| start);
    if value.chars().count() < SHOWN_FROM_CHARS { "" } else { &value[start..] }
}
