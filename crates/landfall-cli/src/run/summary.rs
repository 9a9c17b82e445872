//! What became of a job, for people.

use std::io::{self, Write};

use landing::bill::{Bill, Elsewhere};
use landing::message::Counts;

use super::outcome::Outcome;
use crate::exit::Exit;
use crate::fault_line;
use crate::size::{bytes, count};

/// Files that are listed.
const SHOWN_FILES: usize = 10;

/// Writes the summary to stdout.
pub(super) fn write(outcome: &Outcome) -> io::Result<()> {
    let mut out = io::stdout().lock();
    describe(outcome, &mut out)?;
    out.flush()
}

fn describe(outcome: &Outcome, out: &mut impl Write) -> io::Result<()> {
    let Outcome { job, dataset, source, .. } = outcome;
    let source = source.display();
    match (outcome.sequence, &outcome.failure) {
        (Some(sequence), None) => writeln!(out, "landed    {source} in {dataset}, commit {sequence}")?,
        (_, Some(failure)) if outcome.exit(false) == Exit::Landed => writeln!(out, "unchanged {source} in {dataset}: {}", failure.cause)?,
        (_, Some(failure)) => writeln!(out, "failed    {source} for {dataset}: {}; nothing of it is visible", failure.error)?,
        (None, None) => writeln!(out, "failed    {source} for {dataset}")?,
    }
    writeln!(out, "job       {job}")?;
    if let Some(Counts { read, stored, rejected, filtered }) = outcome.counts {
        let [read, stored, rejected, filtered] = [read, stored, rejected, filtered].map(count);
        writeln!(out, "rows      {read} read: {stored} stored, {rejected} rejected, {filtered} filtered")?;
    }
    if !outcome.files.is_empty() {
        let total = outcome.files.iter().map(|file| file.bytes).sum();
        writeln!(out, "files     {}, {} in {}", count(outcome.files.len() as u64), bytes(total), outcome.lake.display())?;
        for file in outcome.files.iter().take(SHOWN_FILES) {
            let key = file.key.strip_prefix(&outcome.lake).unwrap_or(&file.key);
            writeln!(out, "          {}: {} rows, {}", key.display(), count(file.rows), bytes(file.bytes))?;
        }
        if let Some(more) = outcome.files.len().checked_sub(SHOWN_FILES).filter(|more| *more > 0) {
            writeln!(out, "          and {} more", count(more as u64))?;
        }
    }
    for (label, path) in [("rejects", &outcome.rejects), ("errors", &outcome.errors)] {
        if let Some(path) = path {
            writeln!(out, "{label:<9} {}", path.display())?;
        }
    }
    for fault in &outcome.first_faults {
        writeln!(out, "          {}", fault_line(fault))?;
    }
    if let Some(Bill { total, elsewhere, region, prices, .. }) = &outcome.bill {
        let Elsewhere { glue, athena_ctas, snowpipe } = elsewhere;
        writeln!(out, "cost      nothing here; on AWS an estimated {total} ({region}, prices of {prices})")?;
        writeln!(out, "          elsewhere: Glue {glue}, Athena CTAS {athena_ctas}, Snowpipe {snowpipe}")?;
    }
    let speed = outcome.source_bytes as f64 / 1e6 / outcome.seconds.max(1e-9);
    writeln!(out, "time      {:.2} s, {speed:.1} MB/s", outcome.seconds)
}
