//! Checks that bills are of what is deployed: the memory of its functions, the states of its
//! machine.

use job::bill::{Item, prices};
use serde_json::Value;

use super::sources::{properties, resource_of, state_machine, template};

#[test]
fn estimates_know_the_memory_of_the_template() {
    let template = template();
    assert_eq!(Item::Merge.memory_mb(), Item::Transform.memory_mb(), "one function");
    for item in Item::STEPS {
        assert_eq!(
            properties(&template, &resource_of(item.name()))["MemorySize"],
            item.memory_mb(),
            "{}",
            item.name()
        );
    }
}

#[test]
fn a_job_passes_so_many_states_that_call_no_function() {
    let machine = state_machine();
    let (mut name, mut passed) = (machine["StartAt"].as_str().unwrap(), 0);
    loop {
        let state = &machine["States"][name];
        let calls = ["Resource", "ItemProcessor"]
            .iter()
            .any(|key| state[*key].to_string().contains("lambda:invoke"));
        passed += u64::from(!calls);
        // The way of a job that goes well, without a shard that runs again.
        let Some(next) = ["Next", "Default"].iter().find_map(|key| state[*key].as_str()) else {
            break;
        };
        name = next;
    }
    assert_eq!((name, passed), ("Landed", prices::TRANSITIONS_OF_A_JOB));
    assert_eq!(
        machine["States"]["TransformAll"]["ItemProcessor"]["ProcessorConfig"]["ExecutionType"],
        Value::from("EXPRESS")
    );
}
