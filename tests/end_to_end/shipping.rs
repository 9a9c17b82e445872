//! Walks the way to AWS that the tutorial prints to its end: SAM CLI deploys what `cargo xtask
//! package` builds, and a file lands.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use xtask::local::LocalCloud;
use xtask::{Python, checkout};

use super::stage::{Stage, testdata};

/// What compiles fast instead of what runs fast: the same commands, targets and checks.
const QUICK: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256"),
    ("CARGO_PROFILE_RELEASE_INCREMENTAL", "false"),
];
/// The outputs of the stack of this name.
const OUTPUTS: &str = "
import boto3, json
[stack] = boto3.client('cloudformation').describe_stacks(StackName='landfall')['Stacks']
print(json.dumps({output['OutputKey']: output['OutputValue'] for output in stack['Outputs']}))
";
/// Bytes of code of each function, as Lambda has it.
const CODE: &str = "
import boto3, json
functions = boto3.client('lambda').list_functions()['Functions']
print(json.dumps([function['CodeSize'] for function in functions]))
";
const DROP: &str = "
import boto3, sys
bucket, key, file = sys.argv[1:]
boto3.client('s3').upload_file(file, bucket, key)
print('null')
";

/// The commands of the first block under a heading of the tutorial.
fn printed(heading: &str) -> Vec<Vec<String>> {
    let tutorial =
        std::fs::read_to_string(checkout::root().join("docs/tutorial/first-deployment.md"))
            .unwrap();
    let section = tutorial.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let block = section.split("```console aws\n").nth(1).unwrap().split("```").next().unwrap();
    let command = |line: &str| line.trim_start_matches("$ ").split(" #").next().unwrap().to_owned();
    block
        .lines()
        .map(|line| command(line).split_whitespace().map(str::to_owned).collect())
        .collect()
}

fn succeeds(command: &mut Command) {
    let answer = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        answer.status.success(),
        "{command:?}:\n{}\n{}",
        text(&answer.stdout),
        text(&answer.stderr)
    );
}

/// Runs a printed command: on a local cloud, for this machine's processors, and asked for nothing.
fn run(cloud: &LocalCloud, words: &[String]) {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let words: Vec<_> = words.iter().map(|word| word.replace("arm64", machine)).collect();
    match words[0].as_str() {
        "cargo" => succeeds(checkout::cargo().args(&words[1..]).envs(QUICK)),
        "sam" => {
            let mut sam = Python::of_sam().unwrap().command();
            sam.args(["-m", "samcli"]).args(&words[1..]).arg("--no-confirm-changeset");
            sam.args(["--parameter-overrides", "Auth=OPEN"]); // Nobody signs what comes over loopback.
            let home = tempfile::tempdir().unwrap(); // What it remembers of its use is of no use.
            sam.env("HOME", home.path()).env("SAM_CLI_TELEMETRY", "0").envs(cloud.environment());
            succeeds(sam.current_dir(checkout::root()));
        }
        other => panic!("the tutorial prints `{other}`, which nobody has tried"),
    }
}

#[test]
fn a_file_lands_on_what_the_printed_commands_deploy() {
    let mut cloud = LocalCloud::bare().unwrap();
    let commands = printed("1. Build and deploy");
    let names: Vec<_> = commands.iter().map(|words| words[..2].join(" ")).collect();
    assert_eq!(names, ["cargo xtask", "sam deploy"]);
    for words in &commands {
        run(&cloud, words);
    }

    let query = |script: &str| {
        let output = cloud.python().args(["-c", script]).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let (outputs, sizes) = (query(OUTPUTS), query(CODE));
    let sizes: Vec<u64> = serde_json::from_value(sizes).unwrap();
    assert_eq!(sizes.len(), xtask::functions::NAMES.len());
    assert!(sizes.iter().all(|bytes| (1 << 20..50 << 20).contains(bytes)), "{sizes:?}");
    cloud.adopt(serde_json::from_value(outputs).unwrap());

    let stage = Stage { cloud };
    stage.register("weather");
    let file: PathBuf = testdata("weather.csv");
    let inbox = stage.cloud.output("InboxBucket").unwrap().to_owned();
    stage.python(DROP, &[&inbox, "inbox/weather/weather.csv", file.to_str().unwrap()]);
    let job = stage.until("the file that was dropped is a job", || stage.jobs("weather").pop());
    let job = stage.wait(job["job"].as_str().unwrap());
    assert_eq!(
        (&job["status"], &job["counts"]["stored"]),
        (&"SUCCEEDED".into(), &26_115.into()),
        "{job}"
    );
}
