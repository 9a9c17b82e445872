//! Two runs of `ingest` that plan one job at once: what lands is what one of them found, whole.

use std::sync::Arc;

use bytes::Bytes;
use job::message::{JobId, ObjectCounts, Source, Submission, Unreadable};
use landing::plan::PART_OBJECTS;
use objects::{FaultKind, Faulty, InjectedFault, Memory, Put};
use registry::JobRecord;

use super::bench::{Bench, NOW};

const CONTRACT: &str = "
name: things
schema: { fields: [ { name: id, type: integer } ] }
";
/// The last calls of a run, among which are all that write: objects that stand in no plan, those
/// that are left out, and the plan.
const LAST_CALLS: u64 = 12;

/// What a run finds: the objects before the last ones are the same for all runs.
struct Found {
    /// Identifiers of the last objects; those that can't be read are `None`.
    last: [Option<u32>; 4],
}

const EARLIER: Found = Found { last: [Some(100_001), None, Some(100_002), Some(100_003)] };
const LATER: Found = Found { last: [None, Some(200_001), None, Some(200_002)] };

impl Found {
    async fn put(&self, bench: &Bench) {
        for (number, id) in (PART_OBJECTS..).zip(self.last) {
            let text = id.map_or_else(|| "other\n1\n".to_owned(), |id| format!("id\n{id}\n"));
            put(bench, number, text).await;
        }
    }

    fn rows(&self) -> Vec<u32> {
        self.last.into_iter().flatten().collect()
    }

    fn skipped(&self) -> Vec<usize> {
        let last = (PART_OBJECTS..).zip(self.last);
        last.filter(|(_, id)| id.is_none()).map(|(number, _)| number).collect()
    }
}

async fn put(bench: &Bench, number: usize, text: String) {
    let key = format!("inbox/many/{number:05}.csv");
    bench.inbox().put(&key, Bytes::from(text), Put::Overwrite).await.unwrap();
}

async fn submit(bench: &Bench) -> Submission {
    let submission = Submission {
        job: JobId::parse("job").unwrap(),
        dataset: bench.dataset.clone(),
        contract: 1,
        source: Source::Prefix {
            bucket: "inbox".to_owned(),
            prefix: "inbox/many/".to_owned(),
            glob: None,
        },
        replay: None,
        force: false,
        landed: Default::default(),
        unreadable: Unreadable::Skip,
        commit: Default::default(),
        shard_bytes: Some(100_000),
        max_cost: None,
    };
    bench.context.registry.put_job(&JobRecord::pending(submission.clone(), NOW)).await.unwrap();
    submission
}

/// A deployment with what the earlier run finds, of which a call stands still.
async fn deployment(call: u64) -> (Arc<Faulty>, Bench) {
    let memory = Arc::new(Memory::versioned());
    let fault = InjectedFault { call, kind: FaultKind::HangBefore };
    let faulty = Arc::new(Faulty::new(memory.clone(), fault));
    let bench = Bench::over(faulty.clone(), memory, CONTRACT).await;
    for number in 0..PART_OBJECTS {
        put(&bench, number, format!("id\n{number}\n")).await;
    }
    EARLIER.put(&bench).await;
    (faulty, bench)
}

/// Whichever call of a run is the one before which another run plans the job from beginning to end.
#[tokio::test]
async fn what_lands_is_what_one_run_found() {
    let (faulty, bench) = deployment(0).await;
    steps::ingest(&bench.context, submit(&bench).await).await.unwrap();
    let calls = faulty.calls();
    let mut won = [0, 0];
    for call in calls - LAST_CALLS..=calls {
        let (faulty, slow) = deployment(call).await;
        let submission = submit(&slow).await;
        let context = slow.context.clone();
        let earlier = tokio::spawn({
            let submission = submission.clone();
            async move { steps::ingest(&context, submission).await }
        });
        faulty.hangs().await;
        LATER.put(&slow).await;
        let bench = slow.beside(slow.undisturbed());
        steps::ingest(&bench.context, submission.clone()).await.unwrap();
        faulty.go_on();
        earlier.await.unwrap().unwrap();

        bench.run(submission.clone()).await.unwrap();
        let rows = bench.sorted_rows(&bench.table_keys().await).await;
        let mut ids: Vec<u32> =
            rows.iter().map(|row| row.rsplit('|').next().unwrap().parse().unwrap()).collect();
        ids.sort_unstable();
        let ids = ids.split_off(PART_OBJECTS);
        let winner = usize::from(ids.contains(&200_001));
        let found = [EARLIER, LATER].into_iter().nth(winner).unwrap();
        won[winner] += 1;
        assert_eq!(ids, found.rows(), "call {call}");

        let list = bench.text(&bench.context.keys(&submission.job).skipped()).await;
        let skipped: Vec<_> = list
            .lines()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                let source = line["source"].as_str().unwrap();
                let name = source.rsplit('/').next().unwrap();
                name.trim_end_matches(".csv").parse::<usize>().unwrap()
            })
            .collect();
        assert_eq!(skipped, found.skipped(), "call {call}");
        let record = bench.context.registry.job(&submission.job).await.unwrap().unwrap();
        let counts = ObjectCounts {
            landed: (PART_OBJECTS + found.rows().len()) as u32,
            skipped: found.skipped().len() as u32,
        };
        assert_eq!(record.objects, Some(counts), "call {call}");
        let warnings: Vec<_> = record.warnings.iter().map(|warning| &warning.message).collect();
        assert!(
            matches!(&warnings[..], [only] if only.starts_with(&format!("{} of", counts.skipped))),
            "call {call}: {warnings:?}"
        );
    }
    assert!(won.iter().all(|jobs| *jobs > 0), "each run wins somewhere: {won:?}");
}
