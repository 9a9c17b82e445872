//! Tells by locks which jobs of a lake are running: a process that is killed leaves its jobs
//! unlocked, and the next run brings them to their end.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use job::message::{Failure, JobId, JobRef, Settled};
use steps::Context;

/// The folder of the locks, beside the jobs.
const FOLDER: &str = "running";
/// The file that every process holds a shared lock of as long as it lands in the lake.
const PROCESSES: &str = ".processes";
/// Where uploads lie, and what is being put, until they are moved to their place.
const UPLOADS: &str = ".uploads";
/// The pause between two attempts to get a lock that is held for a moment.
const PAUSE: Duration = Duration::from_millis(10);

/// That this process lands in the lake. Dropping it says that it no longer does.
pub(super) struct Present {
    _lock: File,
}

impl Present {
    /// Says that this process lands in the lake. If no other one does, `sweeps` deletes what killed
    /// ones left of uploads: nobody goes on with them once the jobs of those processes have ended.
    pub(super) async fn enter(context: &Context, sweeps: bool) -> io::Result<Self> {
        let work = Path::new(&context.work.bucket);
        fs::create_dir_all(work)?;
        let lock = File::options().create(true).append(true).open(work.join(PROCESSES))?;
        if sweeps && is_held(lock.try_lock())? {
            for root in [Path::new(&context.lake.bucket), work] {
                remove_uploads(&root.join(UPLOADS))?;
            }
            lock.unlock()?;
        }
        while !is_held(lock.try_lock_shared())? {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Self { _lock: lock })
    }
}

fn is_held(locked: Result<(), TryLockError>) -> io::Result<bool> {
    match locked {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Deletes what lies in a folder of uploads, each under an id of its own, and the folder once it is
/// empty.
fn remove_uploads(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| uuid::Uuid::try_parse(name).is_ok()) {
            remove(&entry.path())?;
        }
    }
    // What else somebody put there stays.
    let _is_empty = fs::remove_dir(folder);
    Ok(())
}

/// Deletes a folder with all that is in it, if it is there.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

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

    /// Leaves the job to the next run in the lake, as if this process had been killed: it has not
    /// ended.
    pub(super) fn leave(self) {
        std::mem::forget(self);
    }

    /// Takes over a job whose process is gone; `None` while it lives.
    fn take_over(path: PathBuf) -> io::Result<Option<Self>> {
        let lock = match File::options().write(true).open(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock() {
            // Its process may have ended it in between; it is settled once more, which changes
            // nothing.
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

/// The name of the failure of a job whose process was killed.
const KILLED: &str = "Aborted";

/// Settles the jobs of processes that were killed: those that are decided to commit land, and
/// nothing of the others is left. How each ended.
pub(super) async fn settle_left(context: &Context) -> Result<Vec<Settled>, job::Error> {
    let mut settled = Vec::new();
    for job in left(context)? {
        let Some(running) =
            Running::take_over(folder(context).join(job.as_str())).map_err(unreadable)?
        else {
            continue;
        };
        let record = context.registry.job(&job).await?;
        if let Some(record) = record.filter(|record| !record.status.is_terminal()) {
            let because = Failure::new(
                KILLED,
                "the process that ran the job was killed; nothing of it is visible; run it again",
            );
            let job = JobRef { job, dataset: record.submission.dataset };
            let ended = steps::settle(context, job, None, because).await?;
            // It failed for nothing but its process, so nobody asks for its documents: no rejects
            // are among them.
            if ended.error == KILLED {
                remove(&Path::new(&context.work.bucket).join(context.keys(&ended.job).prefix()))
                    .map_err(unreadable)?;
            }
            settled.push(ended);
        }
        drop(running);
    }
    Ok(settled)
}

/// The jobs that have a lock, held or not.
fn left(context: &Context) -> Result<Vec<JobId>, job::Error> {
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

fn unreadable(error: io::Error) -> job::Error {
    job::Error::new(
        job::ErrorKind::AccessDenied,
        format!("the locks of running jobs can't be read: {error}"),
    )
}
