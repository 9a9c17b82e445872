//! Reads what is landed at set times, `schedule`, and tells when that is.

use chrono::{DateTime, Utc};
use croner::Cron;
use job::Schedule;
use zones::Zone;

use crate::document::{Node, Object, Reading};

/// The time at or before `now` at which a schedule is due, and which is not before `from`.
pub fn last_due(
    schedule: &Schedule,
    from: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let zone: Zone = schedule.timezone.parse().ok()?;
    let cron: Cron = schedule.cron.parse().ok()?;
    let last = cron.find_previous_occurrence(&now.with_timezone(&zone), true).ok()?.to_utc();
    (last >= from).then_some(last)
}

pub(super) fn read(node: &Node<'_>, reading: &mut Reading) -> Option<Schedule> {
    let object = node.object(reading, &["cron", "timezone", "bucket", "prefix", "glob"])?;
    let cron = object.required(reading, "cron").and_then(|node| {
        let text = node.text(reading)?;
        let is_plain = text.split_whitespace().count() == 5;
        if is_plain && text.parse::<Cron>().is_ok() {
            return Some(text.to_owned());
        }
        let message = format!(
            "`{text}` is not allowed; allowed: minute, hour, day, month and day of the week, such as `30 6 * * 1-5`"
        );
        node.fault(reading, message);
        None
    });
    let timezone = match object.get("timezone") {
        None => Some("UTC".to_owned()),
        Some(node) => node.text(reading).and_then(|text| {
            if text.parse::<Zone>().is_ok() {
                return Some(text.to_owned());
            }
            let message = format!("`{text}` is no time zone; allowed: names such as Europe/Berlin");
            node.fault(reading, message);
            None
        }),
    };
    let prefix = object.required(reading, "prefix").and_then(|node| text(&node, reading));
    let optional = |key: &str, object: &Object<'_>, reading: &mut Reading| {
        object.get(key).and_then(|node| text(&node, reading))
    };
    let bucket = optional("bucket", &object, reading);
    let glob = optional("glob", &object, reading);
    Some(Schedule { cron: cron?, timezone: timezone?, bucket, prefix: prefix?, glob })
}

fn text(node: &Node<'_>, reading: &mut Reading) -> Option<String> {
    node.text(reading).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Contract;

    fn schedule(rest: &str) -> Result<Schedule, String> {
        let text = format!("name: t\nschema: {{ fields: [{{ name: a }}] }}\nschedule: {rest}\n");
        match Contract::parse(&text) {
            Ok(contract) => Ok(contract.intake().schedule.expect("a schedule")),
            Err(faults) => {
                Err(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
            }
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).expect("a time").to_utc()
    }

    #[test]
    fn a_schedule_is_due_at_its_times_in_its_zone() {
        let berlin = schedule("{ cron: 30 6 * * 1-5, timezone: Europe/Berlin, prefix: a/ }");
        let berlin = berlin.expect("a contract");
        let due = |now: &str| last_due(&berlin, at("2026-03-01T00:00:00Z"), at(now));
        // A Friday in winter, and the Monday after the clocks went forward.
        assert_eq!(due("2026-03-27T05:29:59Z"), Some(at("2026-03-26T05:30:00Z")));
        assert_eq!(due("2026-03-27T05:30:00Z"), Some(at("2026-03-27T05:30:00Z")));
        assert_eq!(due("2026-03-29T12:00:00Z"), Some(at("2026-03-27T05:30:00Z")));
        assert_eq!(due("2026-03-30T04:30:00Z"), Some(at("2026-03-30T04:30:00Z")));
        assert_eq!(due("2026-03-01T01:00:00Z"), None, "it was not there before");
        let utc = schedule("{ cron: 0 0 1 * *, prefix: a/, bucket: b, glob: '*.csv' }");
        let utc = utc.expect("a contract");
        assert_eq!((utc.timezone.as_str(), utc.bucket.as_deref()), ("UTC", Some("b")));
        assert_eq!(
            last_due(&utc, at("2026-01-01T00:00:00Z"), at("2026-02-28T00:00:00Z")),
            Some(at("2026-02-01T00:00:00Z"))
        );
    }

    #[test]
    fn what_is_not_allowed_says_what_would_be() {
        for (rest, message) in [
            (
                "{ cron: daily, prefix: a/ }",
                "schedule.cron: `daily` is not allowed; allowed: minute, hour, day, month and day of the week, such as `30 6 * * 1-5`",
            ),
            (
                "{ cron: 0 0 6 * * *, prefix: a/ }",
                "schedule.cron: `0 0 6 * * *` is not allowed; allowed: minute, hour, day, month and day of the week, such as `30 6 * * 1-5`",
            ),
            (
                "{ cron: 61 6 * * *, prefix: a/ }",
                "schedule.cron: `61 6 * * *` is not allowed; allowed: minute, hour, day, month and day of the week, such as `30 6 * * 1-5`",
            ),
            (
                "{ cron: 0 6 * * *, timezone: Mars/Olympus, prefix: a/ }",
                "schedule.timezone: `Mars/Olympus` is no time zone; allowed: names such as Europe/Berlin",
            ),
        ] {
            assert_eq!(schedule(rest), Err(message.to_owned()));
        }
        assert!(schedule("{ cron: 0 6 * * * }").is_err());
    }
}
