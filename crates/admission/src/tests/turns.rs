//! Datasets of which only some jobs run at once.

use super::*;

const LIMIT: usize = 2;
const JOBS: usize = 7;

async fn registry_with_limit() -> registry::Memory {
    let registry = registry::Memory::new();
    let intake = Intake { concurrent: Some(LIMIT as u32), ..Intake::default() };
    registry.put_contract(&flights(), "name: flights", &intake, NOW).await.unwrap();
    registry
}

fn id(number: usize) -> JobId {
    request(&number.to_string()).job
}

async fn running(registry: &dyn Registry) -> Vec<usize> {
    let mut running = Vec::new();
    for number in 0..JOBS {
        let job = registry.job(&id(number)).await.unwrap();
        if job.is_some_and(|job| job.status == JobStatus::Running) {
            running.push(number);
        }
    }
    running
}

async fn end(registry: &dyn Registry, number: usize) {
    let change = JobChange { status: Some(JobStatus::Succeeded), ..JobChange::default() };
    registry.update_job(&id(number), &change, NOW).await.unwrap();
}

/// Looks at quiet jobs, as the sweep does.
async fn sweep(registry: &dyn Registry, executions: &dyn Executions) {
    for number in 0..JOBS {
        let Some(job) = registry.job(&id(number)).await.unwrap() else { continue };
        if is_unstarted(&job) && is_its_turn(registry, executions, &job, NOW).await.unwrap() {
            start(registry, executions, job, NOW).await.unwrap();
        }
    }
}

#[tokio::test]
async fn jobs_run_in_their_order_and_not_too_many() {
    let (registry, executions) = (registry_with_limit().await, executions::Memory::new());
    for number in 0..JOBS {
        let admitted = admit(&registry, &executions, request(&number.to_string()), NOW).await;
        let expected = if number < LIMIT { JobStatus::Running } else { JobStatus::Pending };
        let admitted = admitted.unwrap();
        assert_eq!((admitted.new, admitted.job.status), (true, expected), "{number}");
        let again = admit(&registry, &executions, request(&number.to_string()), NOW).await;
        assert_eq!(again.unwrap().job.status, expected, "a repeat");
    }
    for ended in 0..JOBS {
        assert_eq!(start_waiting(&registry, &executions, &flights(), NOW).await, Ok(0));
        end(&registry, ended).await;
        let starts = usize::from(ended + LIMIT < JOBS);
        assert_eq!(start_waiting(&registry, &executions, &flights(), NOW).await, Ok(starts));
        let expected: Vec<usize> = (ended + 1..JOBS.min(ended + 1 + LIMIT)).collect();
        assert_eq!(running(&registry).await, expected);
    }
    assert_eq!(executions.inputs().len(), JOBS);
}

#[tokio::test]
async fn without_a_limit_all_run_also_those_that_waited_for_one() {
    let (registry, executions) = (registry_with_limit().await, executions::Memory::new());
    for number in 0..JOBS {
        admit(&registry, &executions, request(&number.to_string()), NOW).await.unwrap();
    }
    let text = "name: flights # without a limit";
    registry.put_contract(&flights(), text, &Intake::default(), NOW).await.unwrap();
    sweep(&registry, &executions).await;
    assert_eq!(running(&registry).await.len(), JOBS);
}

/// Whichever call fails of those who admit the jobs and of those who hear of their ends: the sweep
/// finds what is left, and never do too many run.
#[tokio::test]
async fn a_turn_is_not_lost_wherever_somebody_is_cut_off() {
    for takes_effect in [false, true] {
        for call in 0.. {
            let faults = Faults::at(call, takes_effect);
            let registry = InTurns::with(registry_with_limit().await, Arc::clone(&faults));
            let executions = InTurns::with(executions::Memory::new(), Arc::clone(&faults));
            for number in 0..JOBS {
                let _ = admit(&registry, &executions, request(&number.to_string()), NOW).await;
            }
            let mut is_struck = false;
            for round in 0..2 * JOBS {
                let at_work = running(&registry.inner).await;
                assert!(at_work.len() <= LIMIT, "call {call}: {at_work:?}");
                for number in at_work {
                    end(&registry.inner, number).await;
                }
                let _ = start_waiting(&registry, &executions, &flights(), NOW).await;
                if round == JOBS {
                    is_struck = faults.has_struck();
                }
                sweep(&registry.inner, &executions.inner).await;
            }
            for number in 0..JOBS {
                // Whoever submitted a job and heard of no success does it again.
                let there = registry.inner.job(&id(number)).await.unwrap();
                let is_left = there.is_none_or(|job| job.status == JobStatus::Succeeded);
                assert!(is_left, "call {call}, job {number}");
            }
            if !is_struck {
                break;
            }
        }
    }
}

#[tokio::test]
async fn jobs_that_are_admitted_at_once_wait_for_each_other() {
    let registry = Arc::new(InTurns::new(registry_with_limit().await));
    let executions = Arc::new(InTurns::new(executions::Memory::new()));
    let admitted = (0..JOBS).map(|number| {
        let (registry, executions) = (Arc::clone(&registry), Arc::clone(&executions));
        async move {
            let request = request(&number.to_string());
            admit(registry.as_ref(), executions.as_ref(), request, NOW).await.unwrap();
        }
    });
    join_all(admitted).await;
    assert_eq!(running(&registry.inner).await.len(), LIMIT);
    assert_eq!(executions.inner.inputs().len(), LIMIT);
}
