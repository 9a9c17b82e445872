//! Reads one file of a zip archive, from front to back. Where the archive can be looked into
//! beforehand, an [`Archive`](super::Archive) tells first whether there is one.

use contract::Member;
use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::archive::{Directory, is_wanted, long_lengths, u16_at, u32_at};
use super::{Decode, ENDS_EARLY, Progress};

pub(super) const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
pub(super) const CENTRAL_HEADER: &[u8] = b"PK\x01\x02";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
pub(super) const END: &[u8] = b"PK\x05\x06";

/// Bytes of a local header without the name and the extra fields.
const LOCAL_HEADER_BYTES: usize = 30;
/// Bytes of the longest descriptor, and of the magic number after it.
const DESCRIPTOR_BYTES: usize = 24 + 4;
/// Most bytes of the directory: a hundred thousand files.
pub(super) const MAX_DIRECTORY_BYTES: usize = 16 << 20;
/// In a length of 32 bits: the extra fields have it in 64.
pub(super) const IN_EXTRA: u64 = 0xFFFF_FFFF;

/// A zip archive on its way.
#[derive(Default)]
pub(super) struct Zip {
    /// Which file is wanted, if the contract says.
    member: Option<Member>,
    phase: Phase,
    /// The header, the descriptor or the directory, as far as it is there.
    kept: Vec<u8>,
    /// Packed bytes that are done with, those that are kept included.
    taken: u64,
    /// The file that is read, or was.
    file: Option<File>,
    /// The lengths and the checksum come after the file that goes by.
    has_descriptor: bool,
}

/// A file that is read.
struct File {
    /// Where its local header begins.
    at: u64,
    crc: Crc,
    packed: u64,
    unpacked: u64,
}

#[derive(Default)]
enum Phase {
    #[default]
    Header,
    /// So many bytes of a file, which are its own or passed over.
    Stored {
        left: u64,
        is_read: bool,
    },
    Deflated {
        inflate: Box<Decompress>,
        is_read: bool,
    },
    Descriptor,
    Directory,
}

impl Zip {
    /// An archive whose file of a certain name is wanted, or the only one.
    pub(super) fn of(member: Option<Member>) -> Self {
        Self { member, ..Self::default() }
    }
}

impl Decode for Zip {
    fn step(&mut self, packed: &[u8], out: &mut [u8]) -> Result<Progress, String> {
        let progress = self.work(packed, out)?;
        self.taken += progress.taken as u64;
        Ok(progress)
    }

    fn finish(&self) -> Result<(), String> {
        if !matches!(self.phase, Phase::Directory) {
            return Err(ENDS_EARLY.to_owned());
        }
        let directory = Directory::read(&self.kept)?;
        directory.check_end()?;
        let entry = directory.archive.only(self.member.as_ref())?;
        let Some(file) = self.file.as_ref().filter(|file| file.at == entry.at) else {
            return Err("is damaged: its directory tells of another file".to_owned());
        };
        if entry.crc != file.crc.sum() {
            return Err("is damaged: its checksum does not match".to_owned());
        }
        if (entry.packed, entry.bytes) != (file.packed, file.unpacked) {
            return Err("is damaged: its lengths do not match".to_owned());
        }
        Ok(())
    }
}

impl Zip {
    fn work(&mut self, packed: &[u8], out: &mut [u8]) -> Result<Progress, String> {
        match &mut self.phase {
            Phase::Header => self.header(packed),
            Phase::Stored { left, is_read } => {
                let is_read = *is_read;
                let room = if is_read { out.len() } else { usize::MAX };
                let count =
                    packed.len().min(room).min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= count as u64;
                let ended = *left == 0;
                if is_read {
                    out[..count].copy_from_slice(&packed[..count]);
                }
                let written = if is_read { count } else { 0 };
                Ok(self.moved(Progress { taken: count, written }, out, ended, is_read))
            }
            Phase::Deflated { inflate, is_read } => {
                let is_read = *is_read;
                let (begun, written) = (inflate.total_in(), inflate.total_out());
                let ended = loop {
                    let (before, so_far) = (inflate.total_in() - begun, inflate.total_out());
                    let status =
                        inflate.decompress(&packed[before as usize..], out, FlushDecompress::None);
                    let status = status.map_err(|error| format!("is damaged: {error}"))?;
                    // What is passed over may come out without a byte going in: that is progress.
                    let goes_on = !is_read && inflate.total_out() > so_far;
                    if status == Status::StreamEnd || !goes_on {
                        break status == Status::StreamEnd;
                    }
                };
                let written = if is_read { (inflate.total_out() - written) as usize } else { 0 };
                let progress = Progress { taken: (inflate.total_in() - begun) as usize, written };
                let progress = self.moved(progress, out, ended, is_read);
                if ended && progress == Progress::default() {
                    self.work(packed, out)
                } else {
                    Ok(progress)
                }
            }
            Phase::Descriptor => self.descriptor(packed),
            Phase::Directory => {
                if self.kept.len() + packed.len() > MAX_DIRECTORY_BYTES {
                    return Err("goes on after its files, with something else".to_owned());
                }
                self.kept.extend_from_slice(packed);
                Ok(Progress { taken: packed.len(), written: 0 })
            }
        }
    }

    /// Takes a local header in, and then begins with its file; or comes to the directory.
    fn header(&mut self, packed: &[u8]) -> Result<Progress, String> {
        let wanted = match self.kept.get(..LOCAL_HEADER_BYTES) {
            None => LOCAL_HEADER_BYTES,
            Some(header) => {
                LOCAL_HEADER_BYTES
                    + usize::from(u16_at(header, 26))
                    + usize::from(u16_at(header, 28))
            }
        };
        // The magic number first: the directory is shorter than a local header may be.
        let wanted = if self.kept.len() < LOCAL_HEADER.len() { LOCAL_HEADER.len() } else { wanted };
        let taken = packed.len().min(wanted - self.kept.len());
        self.kept.extend_from_slice(&packed[..taken]);
        let progress = Progress { taken, written: 0 };
        let magic = &self.kept[..self.kept.len().min(4)];
        let begins_at = self.taken + taken as u64 - self.kept.len() as u64;
        if magic == END && begins_at == 0 {
            return Err("holds no file".to_owned());
        }
        if magic == END || magic == CENTRAL_HEADER {
            self.phase = Phase::Directory;
            return Ok(progress);
        }
        let is_open = LOCAL_HEADER.starts_with(magic)
            || (magic.len() < 4 && (CENTRAL_HEADER.starts_with(magic) || END.starts_with(magic)));
        if !is_open {
            let what = if begins_at == 0 {
                "does not begin as it should"
            } else {
                "goes on after its file, with something else"
            };
            return Err(what.to_owned());
        }
        let is_complete = self.kept.len() >= LOCAL_HEADER_BYTES
            && self.kept.len()
                == LOCAL_HEADER_BYTES
                    + usize::from(u16_at(&self.kept, 26))
                    + usize::from(u16_at(&self.kept, 28));
        if is_complete {
            self.begin(begins_at)?;
        }
        Ok(progress)
    }

    /// Begins with a file whose header, which is kept, begins at a byte.
    fn begin(&mut self, at: u64) -> Result<(), String> {
        let header = std::mem::take(&mut self.kept);
        let (flags, method) = (u16_at(&header, 6), u16_at(&header, 8));
        let name_end = LOCAL_HEADER_BYTES + usize::from(u16_at(&header, 26));
        let (name, extra) = (&header[LOCAL_HEADER_BYTES..name_end], &header[name_end..]);
        if name == b"[Content_Types].xml" {
            return Err("is an Office document; save the sheet as CSV".to_owned());
        }
        let is_read = is_wanted(&String::from_utf8_lossy(name), self.member.as_ref());
        if is_read && self.file.is_some() {
            return Err(match &self.member {
                None => "holds several files; the contract's `member` says which, such as `member: \"*.csv\"`".to_owned(),
                Some(member) => format!("holds several files whose names match `{member}`; `member` is to match one"),
            });
        }
        if is_read && flags & 1 != 0 {
            return Err("is encrypted".to_owned());
        }
        self.has_descriptor = flags & 8 != 0;
        let length = u64::from(u32_at(&header, 18));
        let left = if length == IN_EXTRA {
            long_lengths(extra, 2).get(1).copied().unwrap_or(length)
        } else {
            length
        };
        self.phase = match method {
            8 if is_read || self.has_descriptor => {
                Phase::Deflated { inflate: Box::new(Decompress::new(false)), is_read }
            }
            0 if self.has_descriptor && name.ends_with(b"/") => Phase::Descriptor,
            _ if self.has_descriptor => {
                return Err(
                    "stores a file without telling its length; pack it with deflate".to_owned()
                );
            }
            method if is_read && method != 0 => {
                return Err(format!("is packed by method {method}; deflate is read"));
            }
            _ if left == 0 => Phase::Header,
            _ => Phase::Stored { left, is_read },
        };
        if is_read {
            self.file = Some(File { at, crc: Crc::new(), packed: 0, unpacked: 0 });
        }
        Ok(())
    }

    /// Notes what was unpacked.
    fn moved(&mut self, progress: Progress, out: &[u8], ended: bool, is_read: bool) -> Progress {
        if let Some(file) = self.file.as_mut().filter(|_| is_read) {
            file.crc.update(&out[..progress.written]);
            file.packed += progress.taken as u64;
            file.unpacked += progress.written as u64;
        }
        if ended {
            self.phase = if self.has_descriptor { Phase::Descriptor } else { Phase::Header };
        }
        progress
    }

    /// Passes over what comes after a file whose lengths were not known before: an optional magic
    /// number, and lengths of 32 or 64 bits.
    fn descriptor(&mut self, packed: &[u8]) -> Result<Progress, String> {
        let taken = packed.len().min(DESCRIPTOR_BYTES - self.kept.len());
        self.kept.extend_from_slice(&packed[..taken]);
        if self.kept.len() == DESCRIPTOR_BYTES {
            let has_magic = self.kept.starts_with(DESCRIPTOR);
            let follows = |at: &usize| {
                [LOCAL_HEADER, CENTRAL_HEADER]
                    .iter()
                    .any(|magic| self.kept[*at..].starts_with(magic))
            };
            let ends: &[usize] = if has_magic { &[16, 24] } else { &[12, 16, 20, 24] };
            let end = ends.iter().copied().find(follows);
            let end =
                end.ok_or_else(|| "goes on after its file, with something else".to_owned())?;
            self.kept.drain(..end);
            self.phase = Phase::Header;
        }
        Ok(Progress { taken, written: 0 })
    }
}
