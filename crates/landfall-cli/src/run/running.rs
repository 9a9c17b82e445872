//! Which jobs of a lake are running, told by locks: a process that is killed leaves its jobs unlocked, and whoever runs next brings them to their end.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use landing::message::{Failure, JobId, JobRef, Settled};
use steps::Context;

/// The folder of the locks, beside the jobs.
const FOLDER: &str = "running";

/// A job that this process runs. Dropping it says that the job has ended.
pub(super) struct Running {
    path: PathBuf,
    _lock: File,
}

impl Running {
    /// Says that a job is running. It is to be said before anything is done for it.
    pub(super) fn start(context: &Context, job: &JobId) -> io::Result<Self> {
        let folder = folder(context);
        fs::create_dir_all(&folder)?;
        let path = folder.join(job.as_str());
        let lock = File::create(&path)?;
        lock.lock()?;
        Ok(Self { path, _lock: lock })
    }

    /// Takes over a job whose process is gone; `None` while it lives.
    fn take_over(path: PathBuf) -> io::Result<Option<Self>> {
        let lock = match File::options().write(true).open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            // Its process may have ended it in between; it is settled once more, which changes nothing.
            Ok(()) => Ok(Some(Self { path, _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Settles the jobs of processes that were killed: those that are decided to commit land, and nothing of the others is left. How each ended.
pub(super) async fn settle_left(context: &Context) -> Result<Vec<Settled>, landing::Error> {
    let mut settled = Vec::new();
    for job in left(context)? {
        let Some(running) = Running::take_over(folder(context).join(job.as_str())).map_err(unreadable)? else { continue };
        let record = context.registry.job(&job).await?;
        if let Some(record) = record.filter(|record| !record.status.is_terminal()) {
            let because = Failure::new("Aborted", "the process that ran the job was killed; nothing of it is visible; run it again");
            let job = JobRef { job, dataset: record.submission.dataset };
            settled.push(steps::settle(context, job, because).await?);
        }
        drop(running);
    }
    Ok(settled)
}

/// The jobs that have a lock, held or not.
fn left(context: &Context) -> Result<Vec<JobId>, landing::Error> {
    let entries = match fs::read_dir(folder(context)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let names: Vec<_> = entries.collect::<io::Result<_>>().map_err(unreadable)?;
    Ok(names.iter().filter_map(|entry| JobId::parse(entry.file_name().to_str()?).ok()).collect())
}

fn folder(context: &Context) -> PathBuf {
    Path::new(&context.work.bucket).join(FOLDER)
}

fn unreadable(error: io::Error) -> landing::Error {
    landing::Error::AccessDenied(format!("the locks of running jobs can't be read: {error}"))
}
