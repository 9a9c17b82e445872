//! Looks at jobs while they run and once they have ended: the graph, the rounds, the shards, what
//! the time went into.

use std::sync::Arc;

use flow::{Ended, Standing};
use job::message::{Counts, JobId};
use objects::{Buckets, FaultKind, Faulty, InjectedFault, Memory, Metered};
use steps::inspection::{Inspection, inspect};
use steps::shards::{Again, ShardStatus, ShardView, page};

use super::bench::{Bench, things};
use super::machine::{self, Until};

const SCHEMA: &str = r#"
schema:
  fields:
    - { name: id, type: integer }
    - { name: text, type: string }
  primaryKey: [id]
"#;

/// Its shards guess wrong in the quoted fields, and some of them have keys of others.
const SOURCE: &str = "id,text\n\
    1,\"two\n2,lines\n3,or\n4,four\n5,five\"\n\
    2,b\n\
    2,again\n\
    3,\"a\n9,b\n\"\n\
    1,taken\n\
    x,no\n\
    4,d\n\
    3,taken\n";

/// A folder for each record: too many make a permanent failure.
const BY_ID: &str = "
name: things
schema: { fields: [ { name: id, type: integer }, { name: text, type: string } ] }
output: { partitionBy: [id] }
";

async fn run(bench: &Bench, source: &str, shard_bytes: u64) -> Ended {
    let submission = bench.submit("job", source.as_bytes(), shard_bytes, false).await;
    machine::submit(bench, bench, &submission, Until::End).await.ended
}

fn id() -> JobId {
    JobId::parse("job").unwrap()
}

async fn look(bench: &Bench, ended: &Ended) -> Inspection {
    let (work, keys) = (bench.work(), bench.context.keys(&id()));
    let (execution, history) = (ended.execution.clone(), ended.history());
    inspect(work.as_ref(), &keys, &id(), execution, history, 0).await.unwrap()
}

/// All shards of the job, read in pages of a length.
async fn shards(bench: &Bench, limit: u32, has_ended: bool) -> Vec<ShardView> {
    let (work, keys) = (bench.work(), bench.context.keys(&id()));
    let (mut all, mut from) = (Vec::new(), Some(0));
    while let Some(at) = from {
        let page = page(work.as_ref(), &keys, at, limit, has_ended).await.unwrap().unwrap();
        assert!(page.items.len() as u32 <= limit);
        all.extend(page.items);
        from = page.next;
        assert!(from.is_some() || all.len() as u32 == page.count);
    }
    all
}

#[tokio::test]
async fn shards_and_rounds_add_up_to_the_job_whatever_the_split_and_the_page() {
    let (mut wrong_start, mut taken_keys) = (0, 0);
    for shard_bytes in 1..=SOURCE.len() as u64 {
        let bench = Bench::new(&things(SCHEMA)).await;
        let ended = run(&bench, SOURCE, shard_bytes).await;
        let stored: job::message::Stored =
            serde_json::from_value(ended.outcome.clone().unwrap()).unwrap();
        let all = shards(&bench, 1_000, true).await;
        for limit in [1, 3, 100] {
            assert_eq!(shards(&bench, limit, true).await, all, "pages of {limit}");
        }
        let (mut counts, mut at) = (Counts::default(), 0);
        for (index, shard) in (0..).zip(&all) {
            assert_eq!((shard.shard, shard.from, shard.status), (index, at, ShardStatus::Done));
            assert_eq!((shard.attempts, &shard.failure), (Some(1), &None));
            assert_eq!(shard.again.is_some(), shard.round > 1);
            assert!(shard.source.ends_with("inbox/things/job.csv"), "{}", shard.source);
            counts += shard.counts.unwrap();
            at = shard.to;
        }
        assert_eq!((counts, at), (stored.counts, SOURCE.len() as u64));

        let inspection = look(&bench, &ended).await;
        let [first, later @ ..] = &inspection.rounds[..] else { panic!("there is a first round") };
        assert_eq!((first.shards, first.wrong_start + first.taken_keys), (all.len() as u32, 0));
        for round in later {
            assert_eq!(round.shards, round.wrong_start + round.taken_keys);
        }
        for round in &inspection.rounds {
            let last = all.iter().filter(|shard| shard.round == round.round);
            let slowest = last.filter_map(|shard| shard.milliseconds).max();
            assert_eq!(round.slowest.map(|slowest| slowest.milliseconds), slowest);
            assert!(round.milliseconds.is_some());
        }
        let because = |why| all.iter().filter(|shard| shard.again == Some(why)).count();
        wrong_start += because(Again::WrongStart);
        taken_keys += because(Again::TakenKeys);

        let again = inspection.graph.nodes.iter().find(|node| node.name == "TransformAgain");
        assert_eq!(again.unwrap().visits, later.len() as u64);
    }
    assert!(wrong_start > 0 && taken_keys > 0, "both are tried: {wrong_start} {taken_keys}");
}

/// The clock of these tests goes on in pauses alone.
#[tokio::test]
async fn the_time_of_a_job_is_that_of_its_states() {
    let mut retried = 0;
    for call in 1.. {
        let memory = Arc::new(Memory::new());
        let kind = FaultKind::Before;
        let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
        let bench = Bench::over(faulty.clone(), memory, &things(SCHEMA)).await;
        let ended = run(&bench, SOURCE, 30).await;
        let Inspection { graph, critical_path: path, history, advice, .. } =
            look(&bench, &ended).await;
        let sum = path.steps.iter().map(|step| step.milliseconds).sum::<u64>();
        assert_eq!(sum, path.milliseconds, "call {call}");
        let share = path.steps.iter().map(|step| step.share).sum::<f64>();
        assert!(path.steps.is_empty() || (share - 1.0).abs() < 1e-9, "call {call}: {share}");
        let failed = graph.nodes.iter().map(|node| node.failed_attempts).sum::<u64>();
        assert_eq!(failed > 0, advice.contains_key("StoreUnavailable"), "call {call}");
        for visit in &history.states {
            let node = graph.nodes.iter().find(|node| node.name == visit.name).unwrap();
            assert_eq!(node.status, Standing::Succeeded, "call {call}: {visit:?}");
        }
        // A shard that was tried again says so, unless what it used could not be noted either.
        let again = shards(&bench, 7, true).await;
        let again = again.iter().filter(|shard| shard.attempts > Some(1)).count();
        assert!(again <= 1, "call {call}");
        retried += again;
        if faulty.calls() < call {
            break;
        }
    }
    assert!(retried > 3, "{retried} shards were tried again");
}

#[tokio::test]
async fn a_shard_that_fails_is_found_with_its_byte() {
    let header = "id,text\n".to_owned();
    let source = (100_000..200_050).fold(header, |source, id| source + &format!("{id},\n"));
    for shard_bytes in [u64::MAX, source.len() as u64 - 1] {
        let bench = Bench::new(BY_ID).await;
        let ended = run(&bench, &source, shard_bytes).await;
        let all = shards(&bench, 10, true).await;
        let failed: Vec<_> = all.iter().filter_map(|shard| shard.failure.as_ref()).collect();
        let [failure] = failed[..] else { panic!("one shard fails, not {failed:?}") };
        assert_eq!(failure.error, "LimitExceeded");
        assert!(failure.byte.is_some_and(|byte| byte < source.len() as u64), "{failure:?}");
        let statuses: Vec<_> = all.iter().map(|shard| shard.status).collect();
        assert_eq!(statuses[0], ShardStatus::Failed);
        assert!(!statuses[1..].contains(&ShardStatus::Failed), "{statuses:?}");

        let inspection = look(&bench, &ended).await;
        let status = |name: &str| {
            inspection.graph.nodes.iter().find(|node| node.name == name).unwrap().status
        };
        let name = if all.len() == 1 { "Transform" } else { "TransformAll" };
        assert_eq!((status(name), status("Abandoned")), (Standing::Caught, Standing::Failed));
        assert_eq!(status("Store"), Standing::NotReached);
        assert!(inspection.advice.contains_key("LimitExceeded"), "{:?}", inspection.advice);
    }
}

#[tokio::test]
async fn what_is_not_there_yet_is_not_told() {
    let bench = Bench::new(&things(SCHEMA)).await;
    let submission = bench.submit("job", SOURCE.as_bytes(), 30, false).await;
    let (work, keys) = (bench.work(), bench.context.keys(&id()));
    assert_eq!(page(work.as_ref(), &keys, 0, 10, false).await, Ok(None));
    steps::ingest(&bench.context, submission).await.unwrap();
    for (has_ended, status) in [(false, ShardStatus::Open), (true, ShardStatus::Abandoned)] {
        let all = shards(&bench, 10, has_ended).await;
        assert!(all.iter().all(|shard| shard.status == status && shard.attempts == Some(0)));
    }
}

/// Each attempt at a shard is told with the moment at which it began and how long it took: the one
/// that counts, those before it, and those that counted in earlier rounds.
#[tokio::test]
async fn every_attempt_says_when_it_began_and_how_long_it_took() {
    let (mut again, mut retried) = (0, 0);
    for call in 1.. {
        let memory = Arc::new(Memory::new());
        let kind = FaultKind::Before;
        let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
        let bench = Bench::over(faulty.clone(), memory, &things(SCHEMA)).await;
        let before = chrono::Utc::now().timestamp_millis();
        run(&bench, SOURCE, 30).await;
        let after = chrono::Utc::now().timestamp_millis();
        // Moments are cut to whole milliseconds, and durations begin another one.
        let is_within = |started: &str, took: u64| {
            let started = flow::history::milliseconds(started);
            before <= started && started + took as i64 <= after + 1
        };
        for shard in shards(&bench, 7, true).await {
            let (started, took) = (shard.started.unwrap(), shard.milliseconds.unwrap());
            assert!(is_within(&started, took), "call {call}: {started}, {took} ms");
            let others = &shard.other_attempts;
            for other in others {
                assert!(is_within(&other.started, other.milliseconds), "call {call}: {other:?}");
                // One that failed came before the one that counts, and so did earlier rounds. One
                // that found the receipt of another had nothing to do.
                let is_before = other.error.is_some() || other.round < shard.round;
                let (first, last) = match is_before {
                    true => (&other.started, &started),
                    false => (&started, &other.started),
                };
                assert!(first <= last, "call {call}: {other:?} {started}");
            }
            let of_round = |wanted| others.iter().filter(|other| other.round == wanted).count();
            assert_eq!(of_round(shard.round) as u64 + 1, shard.attempts.unwrap(), "call {call}");
            for round in 1..shard.round {
                assert_eq!(of_round(round), 1, "call {call}");
            }
            again += usize::from(shard.round > 1);
            retried += of_round(shard.round);
        }
        if faulty.calls() < call {
            break;
        }
    }
    assert!(again > 0 && retried > 3, "{again} were run again, {retried} tried again");
}

/// However many shards there are, and wherever the page is.
#[tokio::test]
async fn a_page_reads_few_documents() {
    let bench = Bench::new(&things(SCHEMA)).await;
    run(&bench, SOURCE, 1).await;
    let keys = bench.context.keys(&id());
    for (from, limit) in [(0, 5), (40, 5), (0, 1), (1_000_000, 5)] {
        let (metered, requests) = Metered::new(bench.context.buckets.clone());
        let work = metered.bucket("work");
        let page = page(work.as_ref(), &keys, from, limit, true).await.unwrap().unwrap();
        let usage = requests.usage();
        // Plan, shards, two later rounds and whether there is another one, the failure; a receipt
        // of each round; and lists of attempts, one a round.
        let receipts: u32 = page.items.iter().map(|shard| shard.round).sum();
        let most = u64::from(receipts) + 6;
        assert!(usage.gets <= most && usage.puts <= 3, "{from} {limit}: {usage:?}");
        assert_eq!(page.items.is_empty(), from == 1_000_000);
    }
}
