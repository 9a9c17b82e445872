//! Turns the cells of a batch into text: what stands in the fields, in UTF-8.

use std::borrow::Cow;

use csv_records::encoding::{Encoding, MALFORMED};
use csv_records::{Field, Row};

use super::Batch;

/// The cells of a batch in UTF-8, with the quotes and escapes that they were written with.
///
/// Of a source in UTF-8, and of any batch that is but ASCII, this is the batch's own window. Else
/// the cells stand one after the other in a window of their own, and the fields are theirs, at the
/// same indexes.
#[derive(Debug)]
pub struct Cells<'a> {
    /// The bytes that the fields refer to. Where the source is malformed they are not valid UTF-8.
    pub window: Cow<'a, [u8]>,
    /// The fields.
    pub fields: Cow<'a, [Field]>,
    /// Whether all cells are valid.
    pub is_utf8: bool,
    /// The first invalid bytes of each record that has some, in order.
    pub malformed: Vec<Malformed>,
}

/// Bytes that stand for no character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The record's position in the batch, from 0.
    pub row: u32,
    /// The column in which they stand, from 0.
    pub column: u32,
    /// The offset of the first of them in the batch's source bytes.
    pub at: usize,
    /// They do stand for characters of the encoding, which is a guess; but the cell is UTF-8, and
    /// makes no sense otherwise.
    pub is_utf_8: bool,
}

impl<'a> Cells<'a> {
    /// Decodes the cells of a batch.
    pub fn of(batch: &Batch<'a>) -> Self {
        let (Some(first), Some(last)) = (batch.records.first(), batch.records.last()) else {
            return Self::as_they_stand(batch, Vec::new());
        };
        let window = &batch.window[first.start as usize..last.end as usize];
        if batch.encoding == Encoding::UTF_8 {
            let is_valid = simdutf8::basic::from_utf8(window).is_ok();
            Self::as_they_stand(batch, if is_valid { Vec::new() } else { invalid_utf8(batch) })
        } else if window.is_ascii() {
            Self::as_they_stand(batch, Vec::new())
        } else {
            Self::decode(batch)
        }
    }

    /// The fields of a record of the batch.
    #[inline]
    pub fn fields_of(&self, row: &Row) -> &[Field] {
        &self.fields[row.first_field as usize..][..row.fields as usize]
    }

    fn as_they_stand(batch: &Batch<'a>, malformed: Vec<Malformed>) -> Self {
        let is_utf8 = malformed.is_empty();
        Self {
            window: Cow::Borrowed(batch.window),
            fields: Cow::Borrowed(&batch.rows.fields),
            is_utf8,
            malformed,
        }
    }

    fn decode(batch: &Batch<'_>) -> Self {
        let mut window = Vec::with_capacity(batch.window.len() * 3 / 2);
        let mut fields = vec![Field::default(); batch.rows.fields.len()];
        let mut malformed: Vec<Malformed> = Vec::new();
        for (index, row) in batch.records.iter().enumerate() {
            for (column, field) in batch.rows.fields_of(row).iter().enumerate() {
                let (start, source) =
                    (window.len(), batch.source_range(field.start()..field.end()));
                let invalid = batch.encoding.decode(&batch.source[source.clone()], &mut window);
                let is_doubtful = invalid.is_none() && batch.is_guess;
                let utf_8 = is_doubtful
                    .then(|| {
                        batch
                            .encoding
                            .is_rather_utf_8(&batch.source[source.clone()], &window[start..])
                    })
                    .flatten();
                // What is no value must not be taken for one.
                window.extend(utf_8.map(|_| MALFORMED));
                fields[row.first_field as usize + column] = field.moved(start..window.len());
                if let Some(offset) = invalid.or(utf_8)
                    && malformed.last().is_none_or(|last| last.row != index as u32)
                {
                    let is_utf_8 = utf_8.is_some();
                    malformed.push(Malformed {
                        row: index as u32,
                        column: column as u32,
                        at: source.start + offset,
                        is_utf_8,
                    });
                }
            }
        }
        Self {
            window: Cow::Owned(window),
            fields: Cow::Owned(fields),
            is_utf8: malformed.is_empty(),
            malformed,
        }
    }
}

/// Finds the invalid bytes of a batch in UTF-8 that is known to have some.
fn invalid_utf8(batch: &Batch<'_>) -> Vec<Malformed> {
    let invalid = |(index, row): (usize, &Row)| {
        let bytes = &batch.window[row.start as usize..row.content_end as usize];
        let at = row.start as usize + std::str::from_utf8(bytes).err()?.valid_up_to();
        let column = batch
            .rows
            .fields_of(row)
            .partition_point(|field| field.start() <= at)
            .saturating_sub(1);
        Some(Malformed { row: index as u32, column: column as u32, at, is_utf_8: false })
    };
    batch.records.iter().enumerate().filter_map(invalid).collect()
}
