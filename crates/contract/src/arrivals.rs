//! Reads which files of the inbox are landed together: `arrivals`.

use std::ops::RangeInclusive;

use job::Arrivals;
use wording::parse_bytes;

use crate::document::{Node, Object, Reading};
use crate::output::Mode;

pub(super) fn read(node: &Node<'_>, mode: Mode, reading: &mut Reading) -> Option<Arrivals> {
    let object = node.object(reading, &["maxFiles", "maxBytes", "maxSeconds"])?;
    if mode != Mode::Append {
        node.key_fault(
            reading,
            "is only allowed with `mode: append`; where a job replaces what is there, each file is a job of its own".to_owned(),
        );
    }
    let default = Arrivals::default();
    let files = read_count(&object, "maxFiles", 1..=Arrivals::MOST_FILES, reading);
    let seconds = read_count(&object, "maxSeconds", 0..=Arrivals::MOST_SECONDS, reading);
    let bytes = object.get("maxBytes").and_then(|node| read_bytes(&node, reading));
    Some(Arrivals {
        max_files: files.unwrap_or(default.max_files),
        max_bytes: bytes.unwrap_or(default.max_bytes),
        max_seconds: seconds.unwrap_or(default.max_seconds),
    })
}

fn read_count(
    object: &Object<'_>,
    key: &str,
    allowed: RangeInclusive<u32>,
    reading: &mut Reading,
) -> Option<u32> {
    let node = object.get(key)?;
    let count = node.count(reading)?;
    let found = u32::try_from(count).ok().filter(|count| allowed.contains(count));
    if found.is_none() {
        let (least, most) = allowed.into_inner();
        node.fault(reading, format!("{count} is not allowed; allowed: {least} to {most}"));
    }
    found
}

fn read_bytes(node: &Node<'_>, reading: &mut Reading) -> Option<u64> {
    let text = node.scalar(reading)?;
    let found = parse_bytes(&text).ok().filter(|bytes| *bytes <= Arrivals::MOST_BYTES);
    if found.is_none() {
        let message = format!("`{text}` is not allowed; allowed: a size up to 1GiB, such as 8MiB");
        node.fault(reading, message);
    }
    found
}

#[cfg(test)]
mod tests {
    use job::Arrivals;

    use crate::Contract;

    fn intake(rest: &str) -> Result<Arrivals, String> {
        let text =
            format!("name: t\nschema: {{ fields: [{{ name: a }}, {{ name: b }}] }}\n{rest}\n");
        match Contract::parse(&text) {
            Ok(contract) => Ok(contract.intake().arrivals),
            Err(faults) => {
                Err(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            }
        }
    }

    #[test]
    fn small_files_are_landed_together_unless_it_says_otherwise() {
        let default = Arrivals { max_files: 1_000, max_bytes: 8 << 20, max_seconds: 30 };
        assert_eq!(intake(""), Ok(default));
        assert_eq!(intake("arrivals: {}"), Ok(default));
        let stated = Arrivals { max_files: 20, max_bytes: 1 << 20, max_seconds: 5 };
        assert_eq!(intake("arrivals: { maxFiles: 20, maxBytes: 1MiB, maxSeconds: 5 }"), Ok(stated));
        let at_once = intake("arrivals: { maxSeconds: 0 }").expect("a contract");
        assert!(default.gathers(1) && !default.gathers(8 << 20) && !at_once.gathers(1));
    }

    #[test]
    fn where_a_job_replaces_what_is_there_each_file_is_one() {
        for mode in ["overwrite", "overwrite-partitions, partitionBy: [a]"] {
            assert_eq!(intake(&format!("output: {{ mode: {mode} }}")), Ok(Arrivals::ALONE));
            let error = intake(&format!("arrivals: {{}}\noutput: {{ mode: {mode} }}"));
            assert_eq!(
                error,
                Err("arrivals: is only allowed with `mode: append`; where a job replaces what is there, each file is a job of its own".to_owned())
            );
        }
    }

    #[test]
    fn what_is_not_allowed_says_what_would_be() {
        for (rest, message) in [
            ("{ maxFiles: 0 }", "arrivals.maxFiles: 0 is not allowed; allowed: 1 to 10000"),
            ("{ maxFiles: 10001 }", "arrivals.maxFiles: 10001 is not allowed; allowed: 1 to 10000"),
            ("{ maxSeconds: 901 }", "arrivals.maxSeconds: 901 is not allowed; allowed: 0 to 900"),
            (
                "{ maxBytes: 2GiB }",
                "arrivals.maxBytes: `2GiB` is not allowed; allowed: a size up to 1GiB, such as 8MiB",
            ),
        ] {
            assert_eq!(intake(&format!("arrivals: {rest}")), Err(message.to_owned()));
        }
    }
}
