//! Turns what a command names into files: paths, directories, patterns, standard input.

use std::io;
use std::path::{Path, PathBuf};

use job::message::{Source, SourceRef};

use crate::path;

/// The files to land, in their order.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// Each as it was named, and as an object: its directory is the bucket.
    pub(crate) files: Vec<(PathBuf, SourceRef)>,
    /// Bytes of all of them.
    pub(crate) bytes: u64,
}

impl Files {
    /// Finds the files that are named, and in directories none of those that are `others`: the
    /// lake and the contract. The error is one line for each that is not there.
    pub(crate) fn find(named: &[PathBuf], others: &[PathBuf]) -> Result<Self, Vec<String>> {
        let (mut found, mut faults) = (Vec::new(), Vec::new());
        for name in named {
            match expand(name, others) {
                Ok(paths) => found.extend(paths),
                Err(fault) => faults.push(fault),
            }
        }
        let (mut files, mut bytes) = (Vec::with_capacity(found.len()), 0);
        for path in found {
            match locate(&path) {
                Ok((source, size)) => {
                    files.push((path, source));
                    bytes += size;
                }
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(Self { files, bytes }) } else { Err(faults) }
    }

    /// How they are called together.
    pub(crate) fn name(&self) -> PathBuf {
        match self.files.as_slice() {
            [] => PathBuf::new(),
            [(only, _)] => only.clone(),
            [(first, _), rest @ ..] => {
                let mut name = first.clone().into_os_string();
                name.push(format!(" and {} more", rest.len()));
                name.into()
            }
        }
    }

    /// The source of one job that lands them all.
    pub(crate) fn source(self) -> Source {
        let mut objects: Vec<_> = self.files.into_iter().map(|(_, source)| source).collect();
        match objects.len() {
            1 => Source::Object(objects.remove(0)),
            _ => Source::Objects { objects },
        }
    }

    /// Writes standard input to `path`, as a job may read its source several times.
    pub(crate) fn spool(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::File::create(path)?;
        let bytes = io::copy(&mut io::stdin().lock(), &mut file)?;
        let (source, _) = locate(path).map_err(io::Error::other)?;
        Ok(Self { files: vec![(PathBuf::from(path::STDIN), source)], bytes })
    }
}

/// The paths that a name stands for: those of a directory, of a pattern, or itself.
fn expand(named: &Path, others: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let fault = |what: &dyn std::fmt::Display| format!("{}: {what}", named.display());
    if named.is_dir() {
        let mut files = Vec::new();
        walk(named, others, &mut files).map_err(|error| fault(&error))?;
        return match files.is_empty() {
            true => Err(fault(&"the directory has no files")),
            false => Ok(files),
        };
    }
    let text = named.to_str().unwrap_or_default();
    if named.exists() || !text.contains(['*', '?', '[']) || path::check_file(named).is_err() {
        return Ok(vec![named.to_owned()]);
    }
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
    let found = glob::glob_with(text, options).map_err(|error| fault(&error))?;
    let found: Result<Vec<PathBuf>, _> = found.collect();
    let mut files = found.map_err(|error| fault(&error))?;
    files.retain(|path| path.is_file());
    match files.is_empty() {
        true => Err(fault(&"no file matches")),
        false => Ok(files),
    }
}

/// The files below a directory in the order of their names, but for hidden ones.
fn walk(folder: &Path, others: &[PathBuf], files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let is_other = std::path::absolute(&path).is_ok_and(|path| others.contains(&path));
        if is_other || entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&path, others, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// A file as an object, and its bytes.
fn locate(path: &Path) -> Result<(SourceRef, u64), String> {
    let fault = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
    path::check_file(path)?;
    let metadata = std::fs::metadata(path).map_err(|error| fault(&error))?;
    if !metadata.is_file() {
        return Err(fault(&"not a file"));
    }
    let absolute = std::path::absolute(path).map_err(|error| fault(&error))?;
    let (Some(bucket), Some(key)) = (
        absolute.parent().and_then(Path::to_str),
        absolute.file_name().and_then(|name| name.to_str()),
    ) else {
        return Err(fault(&"the path is not valid UTF-8"));
    };
    Ok((SourceRef::new(bucket.to_owned(), key.to_owned()), metadata.len()))
}
