//! The open rejects of a job, cut out of the file that has all of them: what is landed or dismissed
//! lies between them.

use bytes::Bytes;
use contract::rejects::ErrorEntry;
use job::message::JobKeys;
use job::replay::{Positions, Replay};
use job::{Error, ErrorKind};
use landing::open_rejects::RejectedRecords;
use landing::plan::Layout;
use objects::{Objects, Pin};

use crate::documents;
use crate::pieces::Lines;
use crate::replay::rejects_by_layout;

/// Bytes of faults and of rejects that are looked through.
const SEARCHED_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of rejects that are read at once.
const BLOCK_BYTES: u64 = 1024 * 1024;

/// Some rejects as a file of their own, laid out as all of them are.
pub(crate) struct Cut {
    pub(crate) file: Bytes,
    /// Which ones these are.
    pub(crate) rejects: Positions,
}

/// Cuts out the first open ones of the rejects that a replay may send: at least one, and no more
/// than begin in so many bytes.
///
/// # Errors
///
/// [`ErrorKind::LimitExceeded`]: none is among the first of very many.
pub(crate) async fn cut(
    work: &dyn Objects,
    parent: &JobKeys,
    replay: &Replay,
    layout: &Layout,
    open: &Positions,
    bytes: u64,
) -> Result<Cut, Error> {
    let all = rejects_by_layout(work, parent).await?;
    let of_layout = all.into_iter().find(|all| all.layout == replay.layout);
    // The faults are those of all layouts, and the records those of one.
    let of_layout: Vec<u32> = of_layout.map_or(Vec::new(), |all| all.rejects.iter().collect());
    let open: Vec<u32> = open.iter().collect();
    let (mut of_layout, mut open) = (of_layout.into_iter().peekable(), open.into_iter().peekable());
    let (key, errors) = (parent.rejects(replay.layout), parent.errors());
    let mut records = Records { work, key, cut: RejectedRecords::new(layout, None) };
    let mut faults = Lines::new(work, &errors);
    let (mut last, mut reject, mut position, mut searched) = (None, 0, 0, 0);
    let (mut file, mut rejects) = (Vec::new(), Vec::new());
    'all: while let Some(block) = faults.next().await? {
        searched += block.len() as u64;
        for line in block.split_inclusive(|byte| *byte == b'\n') {
            let fault: ErrorEntry = documents::parse(line, &errors)?;
            let record = Some((fault.source, fault.record));
            if record == last {
                continue;
            }
            last = record;
            if of_layout.next_if_eq(&reject).is_some() {
                let record = records.next(fault.lines.unwrap_or(1)).await?;
                if open.next_if_eq(&position).is_some() {
                    file.extend_from_slice(&record);
                    rejects.push(position);
                }
                position += 1;
            }
            reject += 1;
            let is_full = !rejects.is_empty() && file.len() as u64 >= bytes;
            if is_full || open.peek().is_none() || searched + records.cut.at() > SEARCHED_BYTES {
                break 'all;
            }
        }
    }
    if rejects.is_empty() {
        return Err(Error::new(
            ErrorKind::LimitExceeded,
            format!(
                "none of the first {position} rejects of job {} is open; send those to try with the \
                 request, and name them",
                replay.of
            ),
        ));
    }
    let footer = layout.dialect.footer_line().repeat(layout.dialect.footer_rows as usize);
    let file = [&layout.header.0[..], &file, &footer].concat();
    Ok(Cut { file: file.into(), rejects: rejects.into_iter().collect() })
}

/// The records of a file of rejects.
struct Records<'a> {
    work: &'a dyn Objects,
    key: String,
    cut: RejectedRecords,
}

impl Records<'_> {
    async fn next(&mut self, lines: u64) -> Result<Vec<u8>, Error> {
        loop {
            if let Some(record) = self.cut.next_bytes(lines) {
                return Ok(record);
            }
            let from = self.cut.wants();
            let range = from..from + BLOCK_BYTES;
            self.cut.push(&self.work.get(&self.key, &Pin::default(), range).await?);
        }
    }
}
