//! Compares what a job found with its contract and the last commit: the reasons to hold it.

use contract::{Contract, RejectsLimit};
use job::hold::CommitMode;
use job::message::JobId;
use serde::{Deserialize, Serialize};
use wording::{count, counted};

use crate::commit::{HeaderDrift, Tally};

/// What a job is compared with.
#[derive(Debug, Clone)]
pub struct Last {
    /// The job of the last commit.
    pub job: JobId,
    /// Rows that it stored.
    pub stored: u64,
    /// The names in the header of its source, if that is known.
    pub header: Option<Vec<String>>,
}

/// Why a job is held, each in a sentence; nothing: it commits.
///
/// `header` has the names in the header of its own source, and `last` what it is compared with, if
/// there is something.
pub fn reasons(
    contract: &Contract,
    commit: CommitMode,
    tally: &Tally,
    header: &[String],
    last: Option<&Last>,
) -> Vec<String> {
    let hold = &contract.hold;
    let mut reasons = Vec::new();
    if commit == CommitMode::Hold {
        reasons.push("its submission asks for approval".to_owned());
    }
    if hold.always {
        reasons.push("its contract asks for approval of every job (`commit: hold`)".to_owned());
    }
    if let Some(limit) = hold.rejects.filter(|limit| {
        limit.is_exceeded(&tally.counts, tally.surplus_lines) && *limit != RejectsLimit::None
    }) {
        let [rejected, read] = [tally.counts.rejected, tally.counts.read].map(count);
        reasons.push(format!(
            "{rejected} of {read} records are rejected, more than the {limit} of `holdWhen.rejects`"
        ));
    }
    let Some(last) = last else { return reasons };
    reasons.extend(of_rows(contract, tally.counts.stored, last));
    if hold.drift {
        reasons.extend(drift(header, last).map(of_drift));
    }
    reasons
}

/// Far fewer or more rows than the last commit has.
fn of_rows(contract: &Contract, stored: u64, last: &Last) -> Option<String> {
    let change = (stored as f64 - last.stored as f64) * 100.0 / (last.stored.max(1) as f64);
    let hold = &contract.hold;
    let is_outside = hold.fewer_rows.is_some_and(|percent| change < -percent)
        || hold.more_rows.is_some_and(|percent| change > percent);
    let (now, before) = (counted(stored, "row"), count(last.stored));
    is_outside.then(|| {
        format!(
            "{now} would be stored, and job {} stored {before}: {change:+.1}%, beyond `holdWhen.rows`",
            last.job
        )
    })
}

/// How a header differs from that of the last commit; `None`: it does not, or that one is not known.
pub fn drift(header: &[String], last: &Last) -> Option<HeaderDrift> {
    let before = last.header.as_deref().filter(|before| *before != header)?;
    let only_in = |these: &[String], those: &[String]| {
        these.iter().filter(|name| !those.contains(name)).count() as u64
    };
    Some(HeaderDrift {
        last_job: last.job.clone(),
        new_columns: only_in(header, before),
        missing_columns: only_in(before, header),
    })
}

/// Another header than that of the last commit.
fn of_drift(drift: HeaderDrift) -> String {
    let HeaderDrift { last_job, new_columns, missing_columns } = drift;
    let what = match (new_columns, missing_columns) {
        (0, 0) => "the columns of the source stand in another order".to_owned(),
        (new, 0) => format!("the source has {}", counted(new, "new column")),
        (0, gone) => format!("the source lacks {}", counted(gone, "column")),
        (new, gone) => {
            format!("the source has {} and lacks {}", counted(new, "new column"), count(gone))
        }
    };
    format!("{what}, beside that of job {last_job} (`holdWhen.drift`)")
}

/// `changes.json` beside a held job: what approving it would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// Why the job is held, each in a sentence.
    pub reasons: Vec<String>,
    /// Rows that it would add.
    pub stored: u64,
    /// Its files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files that it would remove, as the table stands.
    pub removed: u64,
    /// The job of the last commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<JobId>,
    /// Rows that this one stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_stored: Option<u64>,
    /// The columns, in the order of their names.
    pub columns: Vec<ColumnChange>,
}

/// A column of a held job beside the same of the last commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ColumnChange {
    /// Its name.
    pub name: String,
    /// Its nulls, as a share of all rows from 0 to 1; `None`: the job has no such column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nulls: Option<f64>,
    /// The same of the last commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_nulls: Option<f64>,
}

#[cfg(test)]
mod tests {
    use job::message::Counts;

    use super::*;

    fn contract(when: &str) -> Contract {
        let text = format!(
            "name: things\nschema: {{ fields: [ {{ name: id, type: integer }} ] }}\n{when}\n"
        );
        Contract::parse(&text).unwrap_or_else(|faults| panic!("{when}: {faults:?}"))
    }

    fn of(when: &str, stored: u64, rejected: u64, header: &[&str], last: Option<&Last>) -> String {
        let counts = Counts { read: stored + rejected, stored, rejected, filtered: 0 };
        let tally = Tally {
            shards: vec![],
            counts,
            surplus_lines: 0,
            objects: vec![],
            left_out_bytes: 0,
            merges: 0,
            hold: vec![],
            drift: None,
            slowest: vec![],
        };
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        reasons(&contract(when), CommitMode::Direct, &tally, &header, last).join("; ")
    }

    #[test]
    fn a_job_is_held_for_what_its_contract_says() {
        let last = Last {
            job: JobId::parse("before").expect("an id"),
            stored: 100,
            header: Some(vec!["a".to_owned(), "b".to_owned()]),
        };
        let same = &["a", "b"][..];
        for (when, stored, rejected, header, told) in [
            ("", 0, 100, &["x"][..], ""),
            ("commit: direct", 1, 0, same, ""),
            ("commit: hold", 1, 0, same, "every job"),
            ("holdWhen: { rejects: 1% }", 99, 1, same, ""),
            (
                "holdWhen: { rejects: 1% }",
                98,
                2,
                same,
                "2 of 100 records are rejected, more than the 1%",
            ),
            ("holdWhen: { rejects: 0 }", 99, 1, same, "more than the 0 of"),
            ("holdWhen: { rows: -50% }", 50, 0, same, ""),
            (
                "holdWhen: { rows: -50% }",
                49,
                0,
                same,
                "49 rows would be stored, and job before stored 100: -51.0%",
            ),
            ("holdWhen: { rows: -50% }", 1, 0, same, "1 row would be stored"),
            ("holdWhen: { rows: -50% }", 1_000, 0, same, ""),
            ("holdWhen: { rows: +100% }", 200, 0, same, ""),
            ("holdWhen: { rows: [-50%, +100%] }", 201, 0, same, "+101.0%"),
            ("holdWhen: { rows: [-50%, +100%] }", 0, 0, same, "-100.0%"),
            ("holdWhen: { drift: true }", 1, 0, same, ""),
            ("holdWhen: { drift: false }", 1, 0, &["a"], ""),
            ("holdWhen: { drift: true }", 1, 0, &["b", "a"], "another order"),
            ("holdWhen: { drift: true }", 1, 0, &["a", "b", "c"], "has 1 new column, beside"),
            ("holdWhen: { drift: true }", 1, 0, &["a"], "lacks 1 column,"),
            ("holdWhen: { drift: true }", 1, 0, &["a", "c"], "has 1 new column and lacks 1,"),
        ] {
            let reasons = of(when, stored, rejected, header, Some(&last));
            assert_eq!(reasons.is_empty(), told.is_empty(), "{when}: {reasons}");
            assert!(reasons.contains(told), "{when}: {reasons}");
        }
        let nothing_before = of("holdWhen: { drift: true, rows: -50% }", 0, 0, same, None);
        assert_eq!(nothing_before, "", "there is nothing to compare with");
    }

    #[test]
    fn what_is_no_bound_is_refused() {
        for (when, told) in [
            ("holdWhen: { rows: 50% }", "`50%` is not allowed"),
            ("holdWhen: { rows: -101% }", "`-101%` is not allowed"),
            ("holdWhen: { rows: -1e1% }", "`-1e1%` is not allowed"),
            ("holdWhen: { rows: [-10%, -20%] }", "`-20%` is a second bound"),
            ("holdWhen: { rejects: many }", "`many` is not allowed"),
            ("holdWhen: { reject: 1 }", "reject"),
            ("commit: later", "later"),
        ] {
            let text = format!(
                "name: things\nschema: {{ fields: [ {{ name: id, type: integer }} ] }}\n{when}\n"
            );
            let faults = Contract::parse(&text).expect_err(when);
            assert!(faults.iter().any(|fault| fault.message.contains(told)), "{when}: {faults:?}");
        }
    }
}
