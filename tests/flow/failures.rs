//! Fails each call once, before or after it took effect: all rows are visible once, or none is.

use std::sync::Arc;

use objects::{FaultKind, Faulty, InjectedFault, Memory};

use super::bench::Bench;

const CONTRACT: &str = "
name: things
schema: { fields: [ { name: id, type: integer, constraints: { required: true } }, { name: kind, type: string } ] }
output: { partitionBy: [kind] }
";
const SOURCE: &[u8] = b"id,kind\n1,a\n2,b\nx,c\n4,a\n";

/// SQLite's way: the first call fails, then the second, and so on, until the job passes untouched.
pub(crate) async fn any_call_may_fail(kind: FaultKind, contract: &str, source: &[u8]) {
    let undisturbed = Bench::new(contract).await.land("job", source, 9).await.unwrap();
    for call in 1.. {
        let memory = Arc::new(Memory::new());
        let faulty = Arc::new(Faulty::new(memory.clone(), InjectedFault { call, kind }));
        let bench = Bench::over(faulty.clone(), memory, contract).await;
        let submission = bench.submit("job", source, 9, false).await;
        let outcome = bench.run(submission).await;
        let stored = outcome.unwrap_or_else(|failure| {
            panic!("call {call} failed the job: {} {}", failure.error, failure.cause)
        });
        let landed = bench.landed(&stored).await;
        assert_eq!(landed, undisturbed, "call {call}");
        let (visible, _) = bench.visible().await;
        let committed = bench.commit(0).await.unwrap().files.len();
        assert_eq!(
            visible.len(),
            committed + 1,
            "call {call}: files and one entry of the log, {visible:?}"
        );
        assert!(bench.commit(1).await.is_none(), "call {call}");
        if faulty.calls() < call {
            return;
        }
    }
}

#[tokio::test]
async fn any_call_may_fail_before_it_takes_effect() {
    any_call_may_fail(FaultKind::Before, CONTRACT, SOURCE).await;
}

#[tokio::test]
async fn any_answer_may_be_lost() {
    any_call_may_fail(FaultKind::After, CONTRACT, SOURCE).await;
}
