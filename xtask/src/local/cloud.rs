//! Starts and stops the local cloud.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde::Deserialize;

use super::Api;
use crate::functions::{self, Together};
use crate::{Python, Result, checkout};

/// Environment variable with which `cargo xtask test` tells the tests where the interpreter of the
/// local cloud lies.
const PYTHON: &str = "LANDFALL_TEST_PYTHON";
/// Environment variable with which it tells them where the zipped functions lie.
const CODE: &str = "LANDFALL_TEST_CODE";

/// What a local cloud is made of.
#[derive(Debug, Clone)]
pub struct Pieces {
    python: Python,
    code: PathBuf,
}

impl Pieces {
    /// What the environment names, or else made now.
    pub fn ready() -> Result<Self> {
        match (std::env::var_os(PYTHON), std::env::var_os(CODE)) {
            (Some(python), Some(code)) => {
                Ok(Self { python: Python::at(python.into()), code: code.into() })
            }
            _ => Self::make(Together::Alone),
        }
    }

    /// Checks what must be installed, makes the Python environment and builds the functions.
    pub fn make(together: Together) -> Result<Self> {
        let python = Python::of_local_cloud()?;
        let cc = Command::new("cc").arg("--version").output();
        if !cc.is_ok_and(|cc| cc.status.success()) {
            return Err(
                "a C compiler is needed to build the functions: `apt install build-essential`, or `xcode-select --install` on macOS"
                    .to_owned(),
            );
        }
        Ok(Self { python, code: functions::build(together)? })
    }

    /// Tells a command where they are, for [`Pieces::ready`].
    pub fn tell(&self, command: &mut Command) {
        command.env(PYTHON, self.python.path()).env(CODE, &self.code);
    }
}

/// How a local cloud differs from the defaults of `template.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Enforce the permissions of each function's role.
    pub auth: bool,
    /// Bytes of a shard.
    pub shard_bytes: Option<u64>,
    /// Multiplies the waits between a state's attempts; 1 when not given.
    pub wait_scale: Option<f64>,
    /// Further parameters of the template.
    pub parameters: Vec<(String, String)>,
    /// Parameters that are the ARN of a secret, and the secret's text.
    pub secrets: Vec<(String, String)>,
    /// Another template than the checkout's.
    pub template: Option<PathBuf>,
}

/// A running local cloud with the stack on it. Dropping it stops it; so does the end of this
/// process, whatever ends it.
#[derive(Debug)]
pub struct LocalCloud {
    process: Child,
    python: Python,
    stack: Stack,
    api: Api,
}

/// What `cloud.py` says once the stack stands.
#[derive(Debug, Deserialize)]
struct Stack {
    endpoint: String,
    folder: PathBuf,
    log: PathBuf,
    outputs: BTreeMap<String, String>,
    resources: BTreeMap<String, String>,
}

impl LocalCloud {
    /// Starts a cloud of its own on a free port and deploys the stack on it.
    pub fn start(options: &Options) -> Result<Self> {
        Self::start_with(&Pieces::ready()?, options)
    }

    /// The same, with pieces that are there already.
    pub fn start_with(pieces: &Pieces, options: &Options) -> Result<Self> {
        let template =
            options.template.clone().unwrap_or_else(|| checkout::root().join("template.yaml"));
        let mut command = Self::command(&pieces.python);
        command.arg("--template").arg(template).arg("--code").arg(&pieces.code);
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let mut parameters = vec![
            ("Auth".to_owned(), "OPEN".to_owned()),
            ("Architecture".to_owned(), machine.to_owned()),
        ];
        parameters
            .extend(options.shard_bytes.map(|bytes| ("ShardBytes".to_owned(), bytes.to_string())));
        parameters.extend(options.parameters.iter().cloned());
        for (name, value) in parameters {
            command.arg("--parameter").arg(format!("{name}={value}"));
        }
        for (name, text) in &options.secrets {
            command.arg("--secret").arg(format!("{name}={text}"));
        }
        if options.auth {
            command.args(["--environment", "AUTH=true"]);
        }
        if let Some(scale) = options.wait_scale {
            command.arg("--environment").arg(format!("SFN_WAIT_SCALE={scale}"));
        }
        Self::spawn(command, pieces.python.clone())
    }

    /// A cloud with nothing on it.
    pub fn bare() -> Result<Self> {
        let python = Python::of_local_cloud()?;
        Self::spawn(Self::command(&python), python)
    }

    fn command(python: &Python) -> Command {
        let mut command = python.command();
        command.arg(checkout::root().join("xtask/local/cloud.py"));
        command
    }

    fn spawn(mut command: Command, python: Python) -> Result<Self> {
        let started =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = started.map_err(|error| format!("starting the local cloud: {error}"))?;
        let Some(stack) = process
            .stdout
            .take()
            .and_then(first_line)
            .and_then(|line| serde_json::from_str::<Stack>(&line).ok())
        else {
            let mut reason = String::new();
            if let Some(mut stderr) = process.stderr.take() {
                stderr.read_to_string(&mut reason).ok();
            }
            process.wait().ok();
            return Err(format!("the local cloud does not start: {}", reason.trim()));
        };
        let mut cloud = Self { process, python, stack, api: Api::new("") };
        cloud.find_api();
        Ok(cloud)
    }

    fn find_api(&mut self) {
        let id = self.stack.outputs.get("ApiId").map_or("", String::as_str);
        self.api = Api::new(format!("{}/_aws/execute-api/{id}", self.stack.endpoint));
    }

    /// Takes a stack that somebody else has deployed on a bare cloud for its own, by its outputs.
    pub fn adopt(&mut self, outputs: BTreeMap<String, String>) {
        self.stack.outputs = outputs;
        self.find_api();
    }

    /// The API of the stack.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Where all AWS services answer.
    pub fn endpoint(&self) -> &str {
        &self.stack.endpoint
    }

    /// Where the console is: it lies in a bucket of this cloud, which anybody here may read.
    pub fn console(&self) -> Result<String> {
        Ok(format!("{}/{}/index.html", self.endpoint(), self.output("SiteBucket")?))
    }

    /// An output of the stack, by its name in `template.yaml`.
    pub fn output(&self, name: &str) -> Result<&str> {
        self.stack
            .outputs
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| format!("the stack has no output `{name}`"))
    }

    /// The name that a resource of the template got.
    pub fn resource(&self, name: &str) -> Result<&str> {
        self.stack
            .resources
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| format!("the stack has no resource `{name}`"))
    }

    /// The log of the cloud, with what the functions write in it. It goes when the cloud goes.
    pub fn log(&self) -> &Path {
        &self.stack.log
    }

    /// The environment with which an AWS SDK finds this cloud, as its operator.
    pub fn environment(&self) -> [(&'static str, &str); 5] {
        [
            ("AWS_ENDPOINT_URL", &self.stack.endpoint),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ]
    }

    /// Python with boto3 and DuckDB, and the environment to find this cloud.
    pub fn python(&self) -> Command {
        let mut command = self.python.command();
        command.envs(self.environment());
        command
    }

    /// The processes that serve a function now, by its resource name in the template. Linux only:
    /// elsewhere there are none.
    pub fn processes(&self, function: &str) -> Result<Vec<u32>> {
        let name = format!("AWS_LAMBDA_FUNCTION_NAME={}", self.resource(function)?);
        let home = format!("{}", self.stack.folder.display());
        let is_ours = |environment: &[u8]| {
            let mut variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
            let (mut named, mut housed) = (false, false);
            for variable in variables.by_ref() {
                named |= variable == name;
                housed |= variable.contains(&home);
            }
            named && housed
        };
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let ours = processes.filter(|process| {
            std::fs::read(process.path().join("environ")).is_ok_and(|found| is_ours(&found))
        });
        Ok(ours.filter_map(|process| process.file_name().to_str()?.parse().ok()).collect())
    }

    /// Leaves it running until somebody ends this process: the cloud ends with it.
    pub fn stay(self) -> ! {
        loop {
            std::thread::park();
        }
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().ok();
    }
}

fn first_line(stdout: ChildStdout) -> Option<String> {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).ok().filter(|read| *read > 0)?;
    Some(line)
}
