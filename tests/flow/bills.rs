//! Checks that bills hold what was spent, once.

use std::sync::Arc;

use job::bill::{Basis, Bill, Dollars, Item, Usage};
use job::message::JobId;
use landing::plan::Plan;
use objects::{FaultKind, Faulty, InjectedFault, Memory, Metered};

use super::bench::Bench;

const CONTRACT: &str = "
name: things
schema: { fields: [ { name: id, type: integer, constraints: { required: true } }, { name: kind, type: string } ] }
";
const SOURCE: &[u8] = b"id,kind\n1,a\n2,b\nx,c\n4,a\n";
/// In ranges of nine bytes, the quotes make shards guess wrong.
const QUOTED: &[u8] = b"id,kind\n1,\"a\nb\n,c\n\"\n2,\"\n,\n,\n,\n,\n,\n,\n\"\n3,c\n";

async fn bill(bench: &Bench, job: &str) -> Bill {
    let record = bench.context.registry.job(&JobId::parse(job).unwrap()).await.unwrap().unwrap();
    record.bill.expect("a job that has ended has a bill")
}

fn requests(bill: &Bill) -> Usage {
    let mut all = Usage::default();
    bill.lines.values().for_each(|line| all += line.usage);
    Usage { invocations: 0, milliseconds: 0, mb_milliseconds: 0, ..all }
}

#[tokio::test]
async fn every_request_of_an_undisturbed_job_is_in_its_bill() {
    for source in [SOURCE, QUOTED] {
        let memory = Arc::new(Memory::new());
        let (metered, meter) = Metered::new(memory.clone());
        let bench = Bench::over(Arc::new(metered), memory, CONTRACT).await;
        let submission = bench.submit("job", source, 9, false).await;
        let stored = bench.run(submission).await.unwrap();
        let bill = bill(&bench, "job").await;
        let made = meter.usage();
        let told = requests(&bill);
        // The last thing that is done is to look for uploads that were left open, and for small
        // files, which are deleted. What tells of an invocation can't tell its own bytes.
        assert!(made.deletes > 0);
        // Nor can it tell of the look at the decision that comes after it.
        let looks = [Item::Transform, Item::Merge]
            .iter()
            .map(|item| bill.lines[item].usage.invocations)
            .sum::<u64>();
        let expected = Usage {
            puts: made.puts - 2,
            gets: made.gets - looks,
            deletes: 0,
            bytes_written: told.bytes_written,
            ..made
        };
        assert_eq!(told, expected);
        assert!(
            told.bytes_written < made.bytes_written && told.bytes_written > made.bytes_written / 2,
            "{told:?} of {made:?}"
        );
        let runs = |item| bill.lines[&item].usage.invocations;
        assert_eq!((runs(Item::Ingest), runs(Item::Store)), (1, 1));
        let shards = source.len().div_ceil(9) as u64;
        assert_eq!(runs(Item::Merge), 1, "what the shards left small is put together");
        if source == QUOTED {
            assert!(
                runs(Item::Transform) > shards && runs(Item::Verify) > 1,
                "shards guessed wrong: {bill:?}"
            );
        } else {
            assert_eq!((runs(Item::Transform), runs(Item::Verify)), (shards, 1));
        }
        assert!(bill.lines.values().all(|line| line.cost > Dollars::default()), "{bill:?}");
        assert_eq!(bill.basis, Basis::Estimate, "nobody pays for memory");

        let committed =
            bench.commit(stored.sequence).await.unwrap().bill.expect("the commit has a bill");
        assert!(
            committed.total <= bill.total && committed.lines[&Item::Store].usage.invocations == 1
        );
        assert_eq!(committed.lines[&Item::Transform], bill.lines[&Item::Transform]);
    }
}

#[tokio::test]
async fn what_retries_spend_is_in_the_bill_once() {
    for kind in [FaultKind::Before, FaultKind::After] {
        let mut lost = Vec::new();
        let mut call = 1;
        let undisturbed = SOURCE.len().div_ceil(9) as u64 + 1;
        loop {
            let memory = Arc::new(Memory::new());
            let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
            let (metered, meter) = Metered::new(faulty.clone());
            let bench = Bench::over(Arc::new(metered), memory, CONTRACT).await;
            let submission = bench.submit("job", SOURCE, 9, false).await;
            bench.run(submission).await.unwrap();
            let (told, made) = (requests(&bill(&bench, "job").await), meter.usage());
            assert!(
                told.puts <= made.puts && told.gets <= made.gets,
                "{kind:?} of call {call}: {told:?} of {made:?}"
            );
            // Each receipt is followed by a look at the decision that it can't tell of.
            let looks = made.gets - told.gets;
            if made.puts - told.puts > 2 || looks > undisturbed {
                lost.push(call);
            }
            if faulty.calls() < call {
                break;
            }
            call += 1;
        }
        // Lost is the note of an attempt whose receipt took effect while its answer was lost, and
        // what `store` did between the commit and a failure.
        assert!(lost.len() <= 7, "{kind:?}: of {call} calls {lost:?}");
    }
}

#[tokio::test]
async fn a_job_that_failed_has_a_bill_too() {
    let bench = Bench::new(&format!("{CONTRACT}rejects: {{ limit: 0 }}\n")).await;
    let failure = bench.land("job", SOURCE, 9).await.unwrap_err();
    assert_eq!(failure.error, "RejectLimitExceeded");
    let bill = bill(&bench, "job").await;
    let runs = |item| bill.lines[&item].usage.invocations;
    assert_eq!(Item::STEPS.map(runs), [1, SOURCE.len().div_ceil(9) as u64, 1, 1]);
}

#[tokio::test]
async fn a_job_over_its_cap_is_not_begun() {
    let bench = Bench::new(CONTRACT).await;
    let cap = Dollars::of_picos(1_000_000);
    let submission = bench.submit("dear", SOURCE, 9, false).await;
    let failure = bench
        .run(job::message::Submission { max_cost: Some(cap), ..submission })
        .await
        .unwrap_err();
    assert_eq!(failure.error, "CostCapExceeded");
    assert!(failure.cause.contains("more than its cap of 0.000001 USD"), "{}", failure.cause);
    let job = JobId::parse("dear").unwrap();
    assert_eq!(bench.text(&bench.context.keys(&job).plan()).await, "", "there is no plan");

    let submission = bench.submit("cheap", SOURCE, 9, false).await;
    let keys = bench.context.keys(&submission.job);
    bench
        .run(job::message::Submission { max_cost: Some("1".parse().unwrap()), ..submission })
        .await
        .unwrap();
    let plan: Plan = serde_json::from_str(&bench.text(&keys.plan()).await).unwrap();
    let estimate = plan.estimate.expect("a plan has an estimate");
    assert!(estimate.total > cap && estimate.basis == Basis::Estimate);
}
