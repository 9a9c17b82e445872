//! Leads to the logs of functions, in the console of CloudWatch.

use std::collections::BTreeMap;

/// Where the functions of the steps log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logs {
    /// The console, without a slash at its end.
    console: String,
    region: String,
    /// The name of each step's function.
    functions: BTreeMap<String, String>,
}

impl Logs {
    /// The logs of functions beside a state machine with this ARN. `functions` names them by their
    /// steps: `transform=the-function,store=another`.
    pub fn beside(state_machine: &str, functions: &str) -> Result<Self, String> {
        let mut parts = state_machine.split(':').skip(1);
        let (Some(partition), Some("states"), Some(region)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("`{state_machine}` is no ARN of a state machine"));
        };
        let domain = match partition {
            "aws-cn" => "console.amazonaws.cn",
            "aws-us-gov" => "console.amazonaws-us-gov.com",
            _ => "console.aws.amazon.com",
        };
        let named = functions.split(',').map(|entry| match entry.split_once('=') {
            Some((step, name)) => Ok((step.to_owned(), name.to_owned())),
            None => Err(format!("`{entry}` is not `step=function`")),
        });
        Ok(Self {
            console: format!("https://{region}.{domain}"),
            region: region.to_owned(),
            functions: named.collect::<Result<_, _>>()?,
        })
    }

    /// Where the lines of a step's log are shown that have a text, since a moment in RFC 3339.
    pub(crate) fn link(&self, step: &str, text: &str, since: &str) -> Option<String> {
        let Self { console, region, functions } = self;
        let group = twice(&format!("/aws/lambda/{}", functions.get(step)?));
        let (pattern, since) = (twice(&format!("\"{text}\"")), executions::milliseconds(since));
        Some(format!(
            "{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}/log-events$3FfilterPattern$3D{pattern}$26start$3D{since}"
        ))
    }
}

/// A text as the console has it behind the `#`: encoded twice, with `$` for `%`.
fn twice(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let encode = |byte: u8| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("$25{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MACHINE: &str = "arn:aws:states:eu-central-1:000000000000:stateMachine:landing";

    #[test]
    fn a_link_leads_to_the_lines_of_an_attempt() {
        let logs = Logs::beside(MACHINE, "transform=stack-T1,store=stack-S1").unwrap();
        assert_eq!(
            logs.link("transform", "6f1c-02", "2026-01-31T12:00:00.000Z").unwrap(),
            "https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:log-groups/log-group/$252Faws$252Flambda$252Fstack-T1/log-events$3FfilterPattern$3D$25226f1c-02$2522$26start$3D1769860800000"
        );
        assert_eq!(logs.link("verify", "x", ""), None);
    }

    #[test]
    fn other_partitions_have_consoles_of_their_own() {
        let china = MACHINE.replacen("arn:aws:", "arn:aws-cn:", 1);
        let link = Logs::beside(&china, "store=s").unwrap().link("store", "x", "").unwrap();
        assert!(link.starts_with("https://eu-central-1.console.amazonaws.cn/"), "{link}");
        assert!(Logs::beside("landing", "store=s").is_err());
        assert!(Logs::beside(MACHINE, "store").unwrap_err().contains("`store`"));
    }
}
