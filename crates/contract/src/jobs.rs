//! Reads how many jobs of a dataset run at once: `jobs`.

use job::Intake;

use crate::document::{Node, Reading};

pub(super) fn read(node: &Node<'_>, reading: &mut Reading) -> Option<u32> {
    let node = node.object(reading, &["concurrent"])?.get("concurrent")?;
    let count = node.count(reading)?;
    let most = Intake::MOST_CONCURRENT;
    let found = u32::try_from(count).ok().filter(|count| (1..=most).contains(count));
    if found.is_none() {
        node.fault(reading, format!("{count} is not allowed; allowed: 1 to {most}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::Contract;

    fn read(jobs: &str) -> Result<Option<u32>, String> {
        let text = format!("name: things\nschema: {{ fields: [ {{ name: id }} ] }}\n{jobs}\n");
        match Contract::parse(&text) {
            Ok(contract) => {
                assert_eq!(contract.intake().concurrent, contract.concurrent_jobs);
                Ok(contract.concurrent_jobs)
            }
            Err(faults) => Err(faults.iter().map(ToString::to_string).collect()),
        }
    }

    #[test]
    fn some_jobs_run_at_once() {
        for (jobs, expected) in [
            ("", Ok(None)),
            ("jobs: {}", Ok(None)),
            ("jobs: { concurrent: 1 }", Ok(Some(1))),
            ("jobs: { concurrent: 100 }", Ok(Some(100))),
            (
                "jobs: { concurrent: 0 }",
                Err("jobs.concurrent: 0 is not allowed; allowed: 1 to 100".to_owned()),
            ),
            (
                "jobs: { concurrent: 101 }",
                Err("jobs.concurrent: 101 is not allowed; allowed: 1 to 100".to_owned()),
            ),
        ] {
            assert_eq!(read(jobs), expected, "{jobs}");
        }
        assert!(read("jobs: { concurrent: few }").is_err());
        assert!(read("jobs: { atOnce: 1 }").is_err());
    }
}
