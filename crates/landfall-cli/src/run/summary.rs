//! Tells people what became of a job.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use job::bill::{Bill, Elsewhere};
use job::message::{Counts, JobId, ObjectCounts};

use super::outcome::{Outcome, SkippedFile};
use crate::exit::Exit;
use crate::fault_line;
use crate::size::{bytes, count, counted};

/// Files that are listed.
const SHOWN_FILES: usize = 10;

/// Characters of a job's id that are shown of it in the names of its files.
const SHOWN_OF_ID: usize = 8;
/// Hexadecimal digits of an attempt.
const ATTEMPT_DIGITS: usize = 32;

/// Writes the summary to stdout; with what it would have cost, if that is asked for.
pub(super) fn write(outcome: &Outcome, tells_cost: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    describe(outcome, tells_cost, &mut out)?;
    out.flush()
}

fn describe(outcome: &Outcome, tells_cost: bool, out: &mut impl Write) -> io::Result<()> {
    describe_end(outcome, out)?;
    writeln!(out, "job       {}", outcome.job)?;
    if let Some(ObjectCounts { landed, skipped }) = outcome.objects {
        let [landed, skipped] = [landed, skipped].map(|files| count(files.into()));
        writeln!(out, "sources   {landed} landed, {skipped} left out")?;
    }
    for SkippedFile { source, error, .. } in &outcome.skipped {
        writeln!(out, "          {}: {error}", source.display())?;
    }
    if let Some(Counts { read, stored, rejected, filtered }) = outcome.counts {
        let [read, stored, rejected, filtered] = [read, stored, rejected, filtered].map(count);
        writeln!(
            out,
            "rows      {read} read: {stored} stored, {rejected} rejected, {filtered} filtered"
        )?;
    }
    if !outcome.files.is_empty() {
        describe_files(outcome, out)?;
    }
    for (label, path) in [("rejects", &outcome.rejects), ("errors", &outcome.errors)] {
        if let Some(path) = path {
            writeln!(out, "{label:<9} {}", path.display())?;
        }
    }
    for fault in &outcome.first_faults {
        writeln!(out, "          {}", fault_line(fault))?;
    }
    if outcome.more_faults > 0 {
        writeln!(out, "          and {} more", count(outcome.more_faults))?;
    }
    if let Some(bill) = outcome.bill.as_ref().filter(|_| tells_cost) {
        describe_cost(bill, out)?;
    }
    // What nothing came of was not worked at any speed.
    let speed = match outcome.has_landed() && stored(outcome) > 0 {
        true => {
            format!(", {:.1} MB/s", outcome.source_bytes as f64 / 1e6 / outcome.seconds.max(1e-9))
        }
        false => String::new(),
    };
    writeln!(out, "time      {:.2} s{speed}", outcome.seconds)
}

fn stored(outcome: &Outcome) -> u64 {
    outcome.counts.map_or(0, |counts| counts.stored)
}

fn describe_end(outcome: &Outcome, out: &mut impl Write) -> io::Result<()> {
    let Outcome { dataset, source, .. } = outcome;
    let source = source.display();
    match (outcome.sequence, &outcome.failure) {
        (Some(sequence), None) if stored(outcome) > 0 => {
            writeln!(out, "landed    {source} in {dataset}, commit {sequence}")
        }
        (Some(sequence), None) => {
            let none = match outcome.counts.map_or(0, |counts| counts.read) {
                0 => "it has no records".to_owned(),
                read => format!("none of its {} records is stored", count(read)),
            };
            writeln!(out, "nothing   {source} in {dataset}, commit {sequence}: {none}")
        }
        (_, Some(failure)) if outcome.exit(false) == Exit::Landed => {
            writeln!(out, "unchanged {source} in {dataset}: {}", failure.cause)
        }
        (_, Some(failure)) => writeln!(
            out,
            "failed    {source} for {dataset}: {}; nothing of it is visible",
            failure.error
        ),
        (None, None) => writeln!(out, "failed    {source} for {dataset}"),
    }
}

fn describe_files(outcome: &Outcome, out: &mut impl Write) -> io::Result<()> {
    let Outcome { files, lake, job, .. } = outcome;
    let total = files.iter().map(|file| file.bytes).sum();
    writeln!(
        out,
        "files     {}, {} in {}",
        count(files.len() as u64),
        bytes(total),
        lake.display()
    )?;
    for file in files.iter().take(SHOWN_FILES) {
        let key = file.key.strip_prefix(lake).unwrap_or(&file.key);
        writeln!(
            out,
            "          {}: {}, {}",
            short(key, job).display(),
            counted(file.rows, "row"),
            bytes(file.bytes)
        )?;
    }
    if let Some(more) = files.len().checked_sub(SHOWN_FILES).filter(|more| *more > 0) {
        writeln!(out, "          and {} more", count(more as u64))?;
    }
    Ok(())
}

fn describe_cost(bill: &Bill, out: &mut impl Write) -> io::Result<()> {
    let Bill { total, elsewhere, region, prices, .. } = bill;
    let Elsewhere { glue, athena_ctas, snowpipe } = elsewhere;
    writeln!(
        out,
        "cost      nothing here; on AWS an estimated {total} ({region}, prices of {prices})"
    )?;
    writeln!(
        out,
        "          elsewhere: Glue {glue}, Athena CTAS {athena_ctas}, Snowpipe {snowpipe}"
    )
}

/// The key of a file with its name cut short: the job, of which the summary tells, by its
/// beginning, and the attempt not at all.
fn short(key: &Path, job: &JobId) -> PathBuf {
    let Some(name) = key.file_name().and_then(|name| name.to_str()) else { return key.to_owned() };
    let Some(rest) = name.strip_prefix(job.as_str()) else { return key.to_owned() };
    let is_attempt = |part: &str| {
        part.len() == ATTEMPT_DIGITS && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let rest: Vec<&str> = rest.split('-').filter(|part| !is_attempt(part)).collect();
    let id: String = job.as_str().chars().take(SHOWN_OF_ID).collect();
    key.with_file_name(format!("{id}…{}", rest.join("-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_cut_short() {
        let job = JobId::parse("fd90f467-cedf-4ca6-a8d7-00f64bf5eaa1").expect("it is an id");
        for (key, expected) in [
            (
                "weather/origin=EWR/fd90f467-cedf-4ca6-a8d7-00f64bf5eaa1-000000-9343f689ffa84985af9b79902f1816b0-000.parquet",
                "weather/origin=EWR/fd90f467…-000000-000.parquet",
            ),
            (
                "t/fd90f467-cedf-4ca6-a8d7-00f64bf5eaa1-merged-000002-9343f689ffa84985af9b79902f1816b0-001.parquet",
                "t/fd90f467…-merged-000002-001.parquet",
            ),
            ("t/another.parquet", "t/another.parquet"),
        ] {
            assert_eq!(short(Path::new(key), &job), Path::new(expected));
        }
    }
}
