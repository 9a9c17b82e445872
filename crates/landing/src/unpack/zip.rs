//! A zip archive of one file, read from front to back.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Decode, ENDS_EARLY, Progress};

const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
const CENTRAL_HEADER: &[u8] = b"PK\x01\x02";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
const END: &[u8] = b"PK\x05\x06";

/// Bytes of a local header without the name and the extra fields.
const LOCAL_HEADER_BYTES: usize = 30;
/// Bytes of a central header without the name, the extra fields and the comment.
const CENTRAL_HEADER_BYTES: usize = 46;
/// Bytes of the end record without the comment.
const END_BYTES: usize = 22;
/// Most bytes after the file: a descriptor, one entry of the directory with three texts of 64 KiB, and the end records with one.
const MAX_TAIL_BYTES: usize = 5 * 64 * 1024;
/// In a length of 32 bits: the extra fields have it in 64.
const IN_EXTRA: u64 = 0xFFFF_FFFF;

/// A zip archive on its way.
#[derive(Default)]
pub(super) struct Zip {
    phase: Phase,
    /// The local header, or what comes after the file, as far as it is there.
    kept: Vec<u8>,
    crc: Crc,
    packed: u64,
    unpacked: u64,
    /// The lengths and the checksum come after the file.
    has_descriptor: bool,
}

#[derive(Default)]
enum Phase {
    #[default]
    Header,
    Stored {
        left: u64,
    },
    Deflated(Box<Decompress>),
    Tail,
}

impl Decode for Zip {
    fn step(&mut self, packed: &[u8], out: &mut [u8]) -> Result<Progress, String> {
        match &mut self.phase {
            Phase::Header => self.header(packed),
            Phase::Stored { left } => {
                let count = packed.len().min(out.len()).min(usize::try_from(*left).unwrap_or(usize::MAX));
                out[..count].copy_from_slice(&packed[..count]);
                *left -= count as u64;
                let ended = *left == 0;
                Ok(self.moved(Progress { taken: count, written: count }, out, ended))
            }
            Phase::Deflated(inflate) => {
                let (taken, written) = (inflate.total_in(), inflate.total_out());
                let status = inflate.decompress(packed, out, FlushDecompress::None).map_err(|error| format!("is damaged: {error}"))?;
                let progress = Progress { taken: (inflate.total_in() - taken) as usize, written: (inflate.total_out() - written) as usize };
                Ok(self.moved(progress, out, status == Status::StreamEnd))
            }
            Phase::Tail => {
                if self.kept.len() + packed.len() > MAX_TAIL_BYTES {
                    return Err(self.second_file().unwrap_or_else(|| "goes on after its file, with something else".to_owned()));
                }
                self.kept.extend_from_slice(packed);
                Ok(Progress { taken: packed.len(), written: 0 })
            }
        }
    }

    fn finish(&self) -> Result<(), String> {
        if !matches!(self.phase, Phase::Tail) {
            return Err(ENDS_EARLY.to_owned());
        }
        if let Some(message) = self.second_file() {
            return Err(message);
        }
        let directory = self.directory_offsets().find_map(|at| self.kept.get(at..).filter(|rest| rest.starts_with(CENTRAL_HEADER)));
        let directory = directory.ok_or_else(|| ENDS_EARLY.to_owned())?;
        self.check_directory(directory)
    }
}

impl Zip {
    /// Takes the local header in, and then begins with the file.
    fn header(&mut self, packed: &[u8]) -> Result<Progress, String> {
        let wanted = match self.kept.get(..LOCAL_HEADER_BYTES) {
            None => LOCAL_HEADER_BYTES,
            Some(header) => LOCAL_HEADER_BYTES + usize::from(u16_at(header, 26)) + usize::from(u16_at(header, 28)),
        };
        let taken = packed.len().min(wanted - self.kept.len());
        self.kept.extend_from_slice(&packed[..taken]);
        let magic = &self.kept[..self.kept.len().min(4)];
        if magic == END {
            return Err("holds no file".to_owned());
        }
        if !LOCAL_HEADER.starts_with(magic) {
            return Err("does not begin as it should".to_owned());
        }
        let is_complete = self.kept.len() == wanted
            && wanted == LOCAL_HEADER_BYTES + usize::from(u16_at(&self.kept, 26)) + usize::from(u16_at(&self.kept, 28));
        if is_complete {
            self.begin()?;
        }
        Ok(Progress { taken, written: 0 })
    }

    fn begin(&mut self) -> Result<(), String> {
        let header = std::mem::take(&mut self.kept);
        let (flags, method) = (u16_at(&header, 6), u16_at(&header, 8));
        let name_end = LOCAL_HEADER_BYTES + usize::from(u16_at(&header, 26));
        let (name, extra) = (&header[LOCAL_HEADER_BYTES..name_end], &header[name_end..]);
        if name == b"[Content_Types].xml" {
            return Err("is an Office document; save the sheet as CSV".to_owned());
        }
        if name.ends_with(b"/") {
            return Err("holds a folder; pack the file alone".to_owned());
        }
        if flags & 1 != 0 {
            return Err("is encrypted".to_owned());
        }
        self.has_descriptor = flags & 8 != 0;
        self.phase = match method {
            0 if self.has_descriptor => return Err("stores its file without telling its length; pack it with deflate".to_owned()),
            0 => {
                let length = u64::from(u32_at(&header, 18));
                let left = if length == IN_EXTRA { long_lengths(extra, 2).get(1).copied().unwrap_or(length) } else { length };
                if left == 0 { Phase::Tail } else { Phase::Stored { left } }
            }
            8 => Phase::Deflated(Box::new(Decompress::new(false))),
            other => return Err(format!("is packed by method {other}; deflate is read")),
        };
        Ok(())
    }

    /// Notes what was unpacked.
    fn moved(&mut self, progress: Progress, out: &[u8], ended: bool) -> Progress {
        self.crc.update(&out[..progress.written]);
        self.packed += progress.taken as u64;
        self.unpacked += progress.written as u64;
        if ended {
            self.phase = Phase::Tail;
        }
        progress
    }

    /// Where the directory may begin in what comes after the file: a descriptor has an optional magic number and lengths of 32 or 64 bits.
    fn directory_offsets(&self) -> impl Iterator<Item = usize> {
        let offsets: &[usize] = if self.has_descriptor { &[12, 16, 20, 24] } else { &[0] };
        let has_magic = self.kept.starts_with(DESCRIPTOR);
        offsets.iter().copied().filter(move |offset| !has_magic || *offset == 16 || *offset == 24)
    }

    /// What is to be said if another file follows.
    fn second_file(&self) -> Option<String> {
        let follows = |at: usize| self.kept.get(at..).is_some_and(|rest| rest.starts_with(LOCAL_HEADER));
        self.directory_offsets().any(follows).then(|| "holds more than one file; pack the file alone".to_owned())
    }

    /// The directory must have one entry, which tells the length and the checksum of the file.
    fn check_directory(&self, directory: &[u8]) -> Result<(), String> {
        let ends_early = || ENDS_EARLY.to_owned();
        let entry = directory.get(..CENTRAL_HEADER_BYTES).ok_or_else(ends_early)?;
        let [name, extra, comment] = [28, 30, 32].map(|at| usize::from(u16_at(entry, at)));
        let extra_at = CENTRAL_HEADER_BYTES + name;
        let extra = directory.get(extra_at..extra_at + extra).ok_or_else(ends_early)?;
        let rest = directory.get(extra_at + extra.len() + comment..).ok_or_else(ends_early)?;
        if u32_at(entry, 16) != self.crc.sum() {
            return Err("is damaged: its checksum does not match".to_owned());
        }
        let [packed, unpacked] = [20, 24].map(|at| u64::from(u32_at(entry, at)));
        let mut long = long_lengths(extra, usize::from(packed == IN_EXTRA) + usize::from(unpacked == IN_EXTRA)).into_iter();
        let unpacked = if unpacked == IN_EXTRA { long.next().unwrap_or(unpacked) } else { unpacked };
        let packed = if packed == IN_EXTRA { long.next().unwrap_or(packed) } else { packed };
        if (packed, unpacked) != (self.packed, self.unpacked) {
            return Err("is damaged: its lengths do not match".to_owned());
        }
        if rest.starts_with(CENTRAL_HEADER) {
            return Err("holds more than one file; pack the file alone".to_owned());
        }
        // Before the end record there may be two of its kind with 64 bits, of 56 bytes and more, and of 20.
        let end = match rest.strip_prefix(b"PK\x06\x06") {
            None => rest,
            Some(long) => {
                let length = long.get(..8).and_then(|bytes| usize::try_from(u64_at(bytes, 0)).ok()).ok_or_else(ends_early)?;
                rest.get(length.saturating_add(12 + 20)..).ok_or_else(ends_early)?
            }
        };
        if end.len() < END_BYTES || !end.starts_with(END) {
            return Err(ENDS_EARLY.to_owned());
        }
        match end.len().cmp(&(END_BYTES + usize::from(u16_at(end, 20)))) {
            std::cmp::Ordering::Less => Err(ENDS_EARLY.to_owned()),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err("goes on after its end".to_owned()),
        }
    }
}

/// The first `count` numbers of the extra field in which lengths have 64 bits.
fn long_lengths(mut extra: &[u8], count: usize) -> Vec<u64> {
    while extra.len() >= 4 {
        let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let Some(data) = extra.get(4..4 + length) else { break };
        if id == 1 {
            return data.chunks_exact(8).take(count).map(|bytes| u64_at(bytes, 0)).collect();
        }
        extra = &extra[4 + length..];
    }
    Vec::new()
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
