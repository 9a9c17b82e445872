//! Checks what a commit does to a table: whoever dies where, and whoever else commits meanwhile,
//! the table is the old one or the new one.

use std::sync::Arc;

use job::Intake;
use job::message::{JobRef, Stored, Submission};
use objects::{FaultKind, Faulty, InjectedFault, Memory};
use tables::At;

use super::bench::{Bench, NOW};

pub(super) const APPEND: u32 = 1;
pub(super) const OVERWRITE: u32 = 2;
pub(super) const PARTITIONS: u32 = 3;

/// Ids and kinds, of which the second names folders.
pub(super) type Rows = &'static [(u32, &'static str)];

pub(super) const OLD: Rows = &[(1, "a"), (2, "b"), (3, "b")];
pub(super) const NEW: Rows = &[(4, "b"), (5, "c")];
pub(super) const MEANWHILE: Rows = &[(6, "b"), (7, "d")];

/// Forms of the log.
pub(super) const FORMATS: [&str; 2] = ["landfall", "delta"];

pub(super) fn contract(format: &str, mode: &str) -> String {
    format!(
        "
name: things
schema: {{ fields: [ {{ name: id, type: integer }}, {{ name: kind, type: string }} ] }}
output: {{ table: {format}, partitionBy: [kind], mode: {mode} }}
"
    )
}

/// A deployment whose dataset has a contract of each mode: the version says which.
pub(super) async fn with_modes(bench: Bench, format: &str) -> Bench {
    for mode in ["overwrite", "overwrite-partitions"] {
        bench
            .context
            .registry
            .put_contract(&bench.dataset, &contract(format, mode), &Intake::default(), NOW)
            .await
            .unwrap();
    }
    bench
}

pub(super) async fn submit(bench: &Bench, job: &str, mode: u32, rows: Rows) -> Submission {
    let lines: String = rows.iter().map(|(id, kind)| format!("{id},{kind}\n")).collect();
    let submission = bench.submit(job, format!("id,kind\n{lines}").as_bytes(), 9, false).await;
    Submission { contract: mode, ..submission }
}

/// Lands rows, undisturbed.
async fn land(memory: &Arc<Memory>, bench: &Bench, job: &str, mode: u32, rows: Rows) -> Stored {
    let submission = submit(bench, job, mode, rows).await;
    bench.beside(memory.clone()).run(submission).await.unwrap()
}

/// What the rows of a table are after a commit.
pub(super) fn model(table: &mut Vec<(u32, &'static str)>, mode: u32, rows: Rows) {
    table.retain(|(_, kind)| match mode {
        APPEND => true,
        OVERWRITE => false,
        _ => rows.iter().all(|(_, new)| kind != new),
    });
    table.extend(rows);
}

fn texts(rows: &[(u32, &str)]) -> Vec<String> {
    let mut rows: Vec<_> =
        rows.iter().map(|(id, kind)| format!("lake/things/kind={kind}|{id}")).collect();
    rows.sort_unstable();
    rows
}

/// The table is `expected`, to those who read the log and, but for Delta tables, to those who list
/// the prefix; nothing else lies there.
pub(super) async fn assert_table(
    bench: &Bench,
    expected: &[(u32, &str)],
    entries: usize,
    case: &str,
) {
    let table = bench.table_keys().await;
    assert_eq!(bench.sorted_rows(&table).await, texts(expected), "{case}");
    let (data, (visible, open)) = (bench.data_keys().await, bench.visible().await);
    match visible.iter().any(|key| key.contains("/_delta_log/")) {
        true => assert!(table.iter().all(|key| data.contains(key)), "{case}: {visible:?}"),
        false => assert_eq!(data, table, "{case}"),
    }
    assert_eq!(
        (visible.len(), open),
        (data.len() + entries, 0),
        "{case}: files and entries of the log, {visible:?}"
    );
}

#[tokio::test]
async fn a_mode_says_what_becomes_of_the_files_that_are_there() {
    for (format, mode) in FORMATS
        .into_iter()
        .flat_map(|format| [APPEND, OVERWRITE, PARTITIONS].map(|mode| (format, mode)))
    {
        let memory = Arc::new(Memory::new());
        let bench = with_modes(
            Bench::over(memory.clone(), memory.clone(), &contract(format, "append")).await,
            format,
        )
        .await;
        let mut expected = Vec::new();
        land(&memory, &bench, "old", APPEND, OLD).await;
        model(&mut expected, APPEND, OLD);
        land(&memory, &bench, "new", mode, NEW).await;
        model(&mut expected, mode, NEW);
        assert_table(&bench, &expected, 2, &format!("{format}, mode {mode}")).await;

        // The same bytes again: in another commit, but not in the table.
        if mode != APPEND {
            land(&memory, &bench, "again", mode, NEW).await;
            assert_table(&bench, &expected, 3, &format!("{format}, mode {mode}, again")).await;
        }
    }
}

#[tokio::test]
async fn nothing_may_replace_everything() {
    for format in FORMATS {
        replace_by_nothing(format).await;
    }
}

async fn replace_by_nothing(format: &str) {
    let memory = Arc::new(Memory::new());
    let bench = with_modes(
        Bench::over(memory.clone(), memory.clone(), &contract(format, "append")).await,
        format,
    )
    .await;
    land(&memory, &bench, "old", APPEND, OLD).await;
    land(&memory, &bench, "nothing", PARTITIONS, &[]).await;
    assert_table(&bench, OLD, 2, "no partition is replaced").await;
    land(&memory, &bench, "nothing_at_all", OVERWRITE, &[]).await;
    assert_table(&bench, &[], 3, "the table is empty").await;
    let before = bench.table_at(At::Commit(1)).await.unwrap();
    assert_eq!(before.table.files().map(|file| file.rows).sum::<u64>(), 3, "the log remembers");
}

#[tokio::test]
async fn partitions_by_other_fields_are_refused_before_anything_is_visible() {
    let format = "landfall";
    let bench = with_modes(
        Bench::new(&contract(format, "append").replace("partitionBy: [kind], ", "")).await,
        format,
    )
    .await;
    let old = submit(&bench, "old", APPEND, OLD).await;
    bench.run(old).await.unwrap();
    let there = bench.visible().await;
    let new = submit(&bench, "new", PARTITIONS, NEW).await;
    let failure = bench.run(new).await.unwrap_err();
    assert_eq!(failure.error, "ContractInvalid");
    assert_eq!(
        failure.cause,
        "the table is partitioned by nothing, and by kind in the contract: keep `partitionBy`, land in a dataset of another \
         name, or replace the table, once, with `mode: overwrite`"
    );
    assert_eq!(bench.visible().await, there);
}

/// Each call of a job fails or loses its answer, and its process is killed (`kill -9`) before and
/// after it, one after the other.
#[tokio::test]
async fn whoever_dies_where_leaves_the_old_table_or_the_new_one() {
    for (format, mode) in FORMATS
        .into_iter()
        .flat_map(|format| [APPEND, OVERWRITE, PARTITIONS].map(|mode| (format, mode)))
    {
        for kind in
            [FaultKind::Before, FaultKind::After, FaultKind::HangBefore, FaultKind::HangAfter]
        {
            let is_deadly = matches!(kind, FaultKind::HangBefore | FaultKind::HangAfter);
            let mut deaths_between_old_and_new = 0;
            for call in 1.. {
                let case = format!("{format}, mode {mode}, {kind:?}, call {call}");
                let memory = Arc::new(Memory::new());
                let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
                let bench = with_modes(
                    Bench::deadly(faulty.clone(), memory.clone(), &contract(format, "append"))
                        .await,
                    format,
                )
                .await;
                land(&memory, &bench, "old", APPEND, OLD).await;
                let old = bench.table_keys().await;
                let mut expected = OLD.to_vec();
                model(&mut expected, mode, NEW);

                let submission = submit(&bench, "new", mode, NEW).await;
                let stored = bench
                    .run(submission)
                    .await
                    .unwrap_or_else(|failure| panic!("{case}: {failure:?}"));
                assert_eq!((stored.sequence, stored.counts.stored), (1, 2), "{case}");
                assert_table(&bench, &expected, 2, &case).await;

                let new = bench.table_keys().await;
                let remains = std::mem::take(&mut *bench.remains.lock().unwrap());
                for left in &remains {
                    let is_old = left.table == old;
                    assert!(is_old || left.table == new, "{case}: {left:?}");
                    // What a reader of the log is to read is there, and what lies there is of the
                    // old table, of the new one, or of the log.
                    assert!(
                        left.table.iter().all(|key| left.visible.contains(key)),
                        "{case}: {left:?}"
                    );
                    let is_log =
                        |key: &String| key.contains("/_landfall/") || key.contains("/_delta_log/");
                    let known =
                        |key: &String| old.contains(key) || new.contains(key) || is_log(key);
                    assert!(left.visible.iter().all(known), "{case}: {left:?}");
                    deaths_between_old_and_new += usize::from(
                        is_old
                            && left
                                .visible
                                .iter()
                                .any(|key| new.contains(key) && !old.contains(key)),
                    );
                }
                if faulty.calls() < call {
                    break;
                }
                assert_eq!(remains.len(), usize::from(is_deadly), "{case}");
            }
            assert!(
                !is_deadly || deaths_between_old_and_new > 0,
                "{format}, mode {mode}, {kind:?}: none died in the midst of completions"
            );
        }
    }
}

/// Another job commits while one stands still before one of its calls: the log's order is the order
/// in which they took effect.
#[tokio::test]
async fn of_two_jobs_that_race_none_loses_what_the_other_did() {
    let pairs = [
        (APPEND, OVERWRITE),
        (OVERWRITE, APPEND),
        (OVERWRITE, OVERWRITE),
        (PARTITIONS, APPEND),
        (PARTITIONS, PARTITIONS),
        (APPEND, PARTITIONS),
    ];
    for (format, (mode, other)) in
        FORMATS.into_iter().flat_map(|format| pairs.map(|pair| (format, pair)))
    {
        let mut first = [0, 0];
        for call in 1.. {
            let case = format!("{format}, {mode} against {other}, call {call}");
            let memory = Arc::new(Memory::new());
            let faulty = Arc::new(Faulty::new(
                memory.clone(),
                InjectedFault { call, kind: FaultKind::HangBefore },
            ));
            let bench = Arc::new(
                with_modes(
                    Bench::over(faulty.clone(), memory.clone(), &contract(format, "append")).await,
                    format,
                )
                .await,
            );
            land(&memory, &bench, "old", APPEND, OLD).await;
            let submission = submit(&bench, "new", mode, NEW).await;
            let running = tokio::spawn({
                let bench = bench.clone();
                async move { bench.run(submission).await.unwrap().sequence }
            });
            tokio::select! {
                () = faulty.hangs() => {}
                () = async { while !running.is_finished() { tokio::task::yield_now().await } } => break,
            }
            let between = land(&memory, &bench, "meanwhile", other, MEANWHILE).await.sequence;
            faulty.go_on();
            let own = running.await.unwrap();
            assert_eq!([own.min(between), own.max(between)], [1, 2], "{case}");

            let mut expected = OLD.to_vec();
            let mut order = [(own, mode, NEW), (between, other, MEANWHILE)];
            order.sort_unstable_by_key(|(sequence, ..)| *sequence);
            order.iter().for_each(|(_, mode, rows)| model(&mut expected, *mode, rows));
            assert_table(&bench, &expected, 3, &case).await;
            first[usize::from(own > between)] += 1;
        }
        assert!(
            first.iter().all(|times| *times > 0),
            "{format}, {mode} against {other}: each is to be first some time, {first:?}"
        );
    }
}

/// The same step twice, the second run while the first stands still before one of its calls; and
/// once more after it.
#[tokio::test]
async fn two_runs_of_the_same_step_commit_once() {
    for (format, mode) in FORMATS
        .into_iter()
        .flat_map(|format| [APPEND, OVERWRITE, PARTITIONS].map(|mode| (format, mode)))
    {
        for call in 1.. {
            let case = format!("{format}, mode {mode}, call {call}");
            let memory = Arc::new(Memory::new());
            let undisturbed = with_modes(
                Bench::over(memory.clone(), memory.clone(), &contract(format, "append")).await,
                format,
            )
            .await;
            land(&memory, &undisturbed, "old", APPEND, OLD).await;
            let submission = submit(&undisturbed, "new", mode, NEW).await;
            let job = JobRef { job: submission.job.clone(), dataset: submission.dataset.clone() };
            undisturbed.verified(submission).await.unwrap();

            let faulty = Arc::new(Faulty::new(
                memory.clone(),
                InjectedFault { call, kind: FaultKind::HangBefore },
            ));
            let slow = undisturbed.beside(faulty.clone());
            let running = tokio::spawn({
                let job = job.clone();
                async move { steps::store(&slow.context, job).await }
            });
            tokio::select! {
                () = faulty.hangs() => {}
                () = async { while !running.is_finished() { tokio::task::yield_now().await } } => break,
            }
            let first = steps::store(&undisturbed.context, job.clone()).await.unwrap();
            faulty.go_on();
            assert_eq!(running.await.unwrap(), Ok(first.clone()), "{case}");
            assert_eq!(steps::store(&undisturbed.context, job).await, Ok(first), "{case}");
            let mut expected = OLD.to_vec();
            model(&mut expected, mode, NEW);
            assert_table(&undisturbed, &expected, 2, &case).await;
        }
    }
}
