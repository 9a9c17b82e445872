//! Proposes a contract from bytes in memory.

use csv_records::{Limits, Rows, ShardReader};
use job::DatasetName;
use job::{Error, ErrorKind};
use landing::batch::Batch;
use landing::batch::Cells;
use landing::columns::Records;
use landing::opening::{Opening, Stated};

use super::{Inference, Inferred};

/// Most bytes that are looked at, once they are unpacked.
const MOST_TEXT_BYTES: usize = 8 * 1024 * 1024;
/// Most rows that are looked at together.
const BATCH_ROWS: usize = 4 * 1024;

/// Proposes a contract from the first bytes of a source. `is_whole`: they are all.
///
/// # Errors
///
/// Those of [`Opening::read`]; and [`ErrorKind::LimitExceeded`]: the header, or a record, is longer
/// than the sample or the limit.
pub fn propose(
    stated: &Stated<'_>,
    dataset: &DatasetName,
    bytes: &[u8],
    is_whole: bool,
) -> Result<Inferred, Error> {
    let too_long = |what: &str| {
        Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "{what} of {} is longer than what was looked at; is a quote left open?",
                stated.name
            ),
        )
    };
    let opening = Opening::read(stated, Limits::default(), bytes, is_whole, MOST_TEXT_BYTES)?
        .ok_or_else(|| too_long("the header"))?;
    opening.check_not_empty(stated.name)?;
    let mut inference = Inference::new(&opening);
    let mut reader = ShardReader::new(
        &opening.dialect,
        0..u64::MAX,
        Some(opening.header.data_start),
        0,
        Limits::default(),
    );
    reader.push(&opening.text[opening.header.data_start as usize..], opening.is_whole);
    let mut rows = Rows::default();
    while let Some(batch) = reader.next(BATCH_ROWS, &mut rows).map_err(|_| too_long("a record"))? {
        let batch = Batch::new(batch, &rows, &opening.dialect);
        let Cells { window, fields, is_utf8, .. } = &batch.cells();
        inference.observe(Records {
            window,
            rows: &batch.records,
            fields,
            dialect: &opening.dialect,
            is_utf8: *is_utf8,
        });
    }
    Ok(inference.finish(dataset, &opening, opening.is_whole))
}
