//! Keeps each upload, and each object on its way, in a directory in which nothing is visible yet.
//!
//! Parts are appended to one file in the order in which they come, and what is noted of each is
//! where it lies there. So an object whose parts came in order, each once, is that file: completing
//! it moves it and copies nothing.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::fault::{fault, place as shown, unwritten};
use super::present;
use crate::{Error, OpenUpload, Part, Put, Result};

/// The directory of the open uploads, below the bucket's own so that moving a file out of it is
/// atomic.
pub(super) const UPLOADS: &str = ".uploads";
/// The file that holds an upload's key.
const KEY: &str = "key";
/// Its name once the upload is completed: what is left of it is only to be removed.
const DONE: &str = "done";
/// The file that parts are appended to.
const DATA: &str = "data";
/// How often a directory is made again that another call removed because it was empty. Each round
/// is lost to another call that got on.
const ROUNDS: usize = 100;

/// `.uploads/<id>/`: `key`, or `done`; `data`; and where in it each part lies, under the part's
/// number.
pub(super) struct Upload {
    path: PathBuf,
}

/// Where a part lies in the data, in bytes. What is appended lies where nothing else did, so it is
/// the part's etag too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    from: u64,
    length: u64,
}

impl Place {
    fn etag(self) -> String {
        format!("{:x}-{:x}", self.from, self.length)
    }

    /// `None`: its note was cut off.
    fn of_etag(etag: &str) -> Option<Self> {
        let number = |text| u64::from_str_radix(text, 16).ok();
        let (from, length) = etag.strip_suffix('\n')?.split_once('-')?;
        Some(Self { from: number(from)?, length: number(length)? })
    }
}

/// The open uploads of keys under a prefix, by key.
pub(super) fn under(root: &Path, prefix: &str) -> Result<Vec<OpenUpload>> {
    let uploads = root.join(UPLOADS);
    let mut open = Vec::new();
    for entry in present(fs::read_dir(&uploads))
        .map_err(|error| fault(&uploads, &error))?
        .into_iter()
        .flatten()
    {
        let path = entry.map_err(|error| fault(&uploads, &error))?.path();
        let key = key_of(&path)?;
        open.extend(
            key.filter(|key| key.starts_with(prefix))
                .map(|key| OpenUpload { key, upload: Upload { path }.id() }),
        );
    }
    open.sort_by(|a, b| (&a.key, &a.upload).cmp(&(&b.key, &b.upload)));
    Ok(open)
}

impl Upload {
    pub(super) fn create(root: &Path, key: &str) -> Result<Self> {
        let path = root.join(UPLOADS).join(Uuid::new_v4().to_string());
        again_while_missing(|| create_directory(&path))
            .map_err(|error| unwritten(&path, 0, &error))?;
        fs::write(path.join(KEY), key)
            .map_err(|error| unwritten(&path, key.len() as u64, &error))?;
        Ok(Self { path })
    }

    /// [`Error::Missing`] when it is gone, or was not started for this key.
    pub(super) fn open(root: &Path, key: &str, id: &str) -> Result<Self> {
        let missing = || Error::Missing(format!("upload {id} of {}", shown(&root.join(key))));
        // An id is never anything that leads out of the directory.
        let id = Uuid::try_parse(id).map_err(|_| missing())?;
        let path = root.join(UPLOADS).join(id.to_string());
        let found = key_of(&path)?;
        if found.as_deref() == Some(key) { Ok(Self { path }) } else { Err(missing()) }
    }

    pub(super) fn id(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// [`Error::Missing`] when the upload was completed.
    pub(super) fn put_part(&self, number: u32, bytes: &[u8]) -> Result<Part> {
        let path = self.path.join(DATA);
        let append = || {
            let mut data = File::options().create(true).append(true).open(&path)?;
            data.lock()?;
            let metadata = data.metadata()?;
            if is_linked(&metadata) {
                // It is an object now.
                return Err(io::ErrorKind::NotFound.into());
            }
            let place = Place { from: metadata.len(), length: bytes.len() as u64 };
            data.write_all(bytes)?;
            fs::write(self.note(number), place.etag() + "\n")?;
            Ok(place)
        };
        let place = append().map_err(|error| unwritten(&path, bytes.len() as u64, &error))?;
        Ok(Part { number, etag: place.etag() })
    }

    /// Puts an object: its bytes are written and moved to their place at once.
    pub(super) fn put(&self, bytes: &[u8], to: &Path, put: Put) -> Result<()> {
        let path = self.path.join(DATA);
        let write = || {
            let mut data = File::create(&path)?;
            data.write_all(bytes)?;
            data.sync_all()
        };
        write().map_err(|error| unwritten(&path, bytes.len() as u64, &error))?;
        publish(&path, to, put)
    }

    /// Joins the parts and moves the whole to its place. Cut off anywhere it can be done again: the
    /// parts stay until it is noted that they are no longer needed.
    pub(super) fn finish(&self, parts: &[Part], to: &Path) -> Result<()> {
        if !self.path.join(DONE).is_file() {
            self.complete(parts, to)?;
            present(fs::rename(self.path.join(KEY), self.path.join(DONE)))
                .map_err(|error| fault(&self.path, &error))?;
        }
        self.remove()
    }

    /// Joins the parts and moves the whole to its place.
    pub(super) fn complete(&self, parts: &[Part], to: &Path) -> Result<()> {
        let place = shown(to);
        let mut places = Vec::with_capacity(parts.len());
        for part in Part::in_order(parts, &place)? {
            let note = self.note(part.number);
            let noted = present(fs::read_to_string(&note)).map_err(|error| fault(&note, &error))?;
            let found =
                noted.as_deref().and_then(Place::of_etag).filter(|found| found.etag() == part.etag);
            places.push(found.ok_or_else(|| Error::no_part(part.number, &place))?);
        }
        // Of its own name, as two attempts may be at it at once.
        let whole = self.path.join(Uuid::new_v4().to_string());
        let bytes = places.iter().map(|place| place.length).sum();
        self.join(&places, &whole).map_err(|error| unwritten(&whole, bytes, &error))?;
        publish(&whole, to, Put::Overwrite)
    }

    fn join(&self, places: &[Place], whole: &Path) -> io::Result<()> {
        let path = self.path.join(DATA);
        let mut data = File::open(&path)?;
        let mut end = 0;
        let are_in_order = places.iter().all(|place| {
            let follows = place.from == end;
            end += place.length;
            follows
        });
        let is_whole = are_in_order && end == data.metadata()?.len();
        // Where the file system knows no links, it is copied.
        if is_whole && fs::hard_link(&path, whole).is_ok() {
            return data.sync_all();
        }
        let mut file = File::create(whole)?;
        for place in places {
            data.seek(SeekFrom::Start(place.from))?;
            io::copy(&mut (&data).take(place.length), &mut file)?;
        }
        file.sync_all()
    }

    /// It is a success too if another call is removing the upload.
    pub(super) fn remove(&self) -> Result<()> {
        let remove = || {
            // The key goes last: as long as anything is left, the upload is listed and can be
            // aborted.
            for entry in present(fs::read_dir(&self.path))?.into_iter().flatten() {
                let path = entry?.path();
                if !path.ends_with(KEY) && !path.ends_with(DONE) {
                    present(fs::remove_file(path))?;
                }
            }
            present(fs::remove_file(self.path.join(KEY)))?;
            present(fs::remove_file(self.path.join(DONE)))?;
            present(fs::remove_dir(&self.path))
        };
        remove().map_err(|error| fault(&self.path, &error))?;
        // Succeeds for the last upload only, which is meant.
        let _is_needed = self.path.parent().map(fs::remove_dir);
        Ok(())
    }

    /// What is noted of a part.
    fn note(&self, number: u32) -> PathBuf {
        self.path.join(format!("{number:05}"))
    }
}

/// The key of the upload in a directory, if there is one.
fn key_of(path: &Path) -> Result<Option<String>> {
    let read = |name: &str| {
        present(fs::read_to_string(path.join(name))).map_err(|error| fault(path, &error))
    };
    Ok(match read(KEY)? {
        None => read(DONE)?,
        key => key,
    })
}

/// Whether a file has several names: then it is visible under one of them, or about to be.
fn is_linked(metadata: &fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::nlink(metadata) > 1;
    #[cfg(not(unix))]
    false
}

/// Makes a finished file visible under its name, at once.
fn publish(whole: &Path, to: &Path, put: Put) -> Result<()> {
    let above = to.parent().unwrap_or(to);
    let moved = again_while_missing(|| {
        create_directory(above)?;
        match put {
            Put::Overwrite => fs::rename(whole, to),
            // Unlike a rename, a link is refused where there is a file.
            Put::IfAbsent => fs::hard_link(whole, to),
        }
    });
    moved.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists if !to.is_dir() => Error::Exists(shown(to)),
        // The bytes are there: what finds no room is an entry of a directory.
        _ => unwritten(to, 0, &error),
    })
}

/// Whatever is in the way of a directory is no object at its key. A directory that another call
/// removed meanwhile counts as missing.
fn create_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => match path.ancestors().find(|above| above.exists()) {
            Some(there) if there.is_dir() => io::ErrorKind::NotFound.into(),
            _ => io::ErrorKind::NotADirectory.into(),
        },
        _ => error,
    })
}

/// Does it again while a directory that it needs is removed by another call between its steps.
fn again_while_missing(mut step: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    for _ in 1..ROUNDS {
        match step() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
    }
    step()
}
