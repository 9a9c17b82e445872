//! Formats that are a stream, or several one after the other.

use flate2::FlushDecompress;
use zstd::stream::raw::{Decoder, Operation};

use super::{Decode, ENDS_EARLY, Progress};

/// Bits of deflate's window: the most that the format has.
const GZIP_WINDOW_BITS: u8 = 15;

/// Not packed.
pub(super) struct Plain;

impl Decode for Plain {
    fn step(&mut self, packed: &[u8], out: &mut [u8]) -> Result<Progress, String> {
        let count = packed.len().min(out.len());
        out[..count].copy_from_slice(&packed[..count]);
        Ok(Progress { taken: count, written: count })
    }

    fn finish(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Members of gzip. Each is checked against its own checksum and length.
#[derive(Default)]
pub(super) struct Gzip {
    /// The member that is being read; `None` before the first and between two.
    member: Option<flate2::Decompress>,
    members: u64,
}

impl Decode for Gzip {
    fn step(&mut self, packed: &[u8], out: &mut [u8]) -> Result<Progress, String> {
        if self.member.is_none() && !packed.is_empty() {
            if packed[0] != 0x1f {
                return Err(no_stream("member", self.members));
            }
            self.member = Some(flate2::Decompress::new_gzip(GZIP_WINDOW_BITS));
        }
        let Some(member) = &mut self.member else { return Ok(Progress::default()) };
        let (taken, written) = (member.total_in(), member.total_out());
        let status = member.decompress(packed, out, FlushDecompress::None).map_err(|error| format!("is damaged: {error}"))?;
        let progress = Progress { taken: (member.total_in() - taken) as usize, written: (member.total_out() - written) as usize };
        if status == flate2::Status::StreamEnd {
            self.member = None;
            self.members += 1;
        }
        Ok(progress)
    }

    fn finish(&self) -> Result<(), String> {
        ended(self.member.is_none() && self.members > 0)
    }
}

/// Streams of bzip2. Each is checked against its own checksums.
#[derive(Default)]
pub(super) struct Bzip2 {
    stream: Option<bzip2::Decompress>,
    streams: u64,
}

impl Decode for Bzip2 {
    fn step(&mut self, packed: &[u8], out: &mut [u8]) -> Result<Progress, String> {
        if self.stream.is_none() && !packed.is_empty() {
            if packed[0] != b'B' {
                return Err(no_stream("stream", self.streams));
            }
            self.stream = Some(bzip2::Decompress::new(false));
        }
        let Some(stream) = &mut self.stream else { return Ok(Progress::default()) };
        let (taken, written) = (stream.total_in(), stream.total_out());
        let status = stream.decompress(packed, out).map_err(|error| format!("is damaged: {error}"))?;
        let progress = Progress { taken: (stream.total_in() - taken) as usize, written: (stream.total_out() - written) as usize };
        if status == bzip2::Status::StreamEnd {
            self.stream = None;
            self.streams += 1;
        }
        Ok(progress)
    }

    fn finish(&self) -> Result<(), String> {
        ended(self.stream.is_none() && self.streams > 0)
    }
}

/// Frames of Zstandard. Each is checked against the length and the checksum that it states, if it does. Windows of more than 128 MiB are refused.
#[derive(Default)]
pub(super) struct Zstd {
    decoder: Option<Decoder<'static>>,
    is_inside: bool,
}

impl Decode for Zstd {
    fn step(&mut self, packed: &[u8], out: &mut [u8]) -> Result<Progress, String> {
        if packed.is_empty() && !self.is_inside {
            return Ok(Progress::default());
        }
        let damaged = |error: std::io::Error| format!("is damaged: {error}");
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder::new().map_err(damaged)?),
        };
        let status = decoder.run_on_buffers(packed, out).map_err(damaged)?;
        self.is_inside = status.remaining != 0;
        Ok(Progress { taken: status.bytes_read, written: status.bytes_written })
    }

    fn finish(&self) -> Result<(), String> {
        ended(self.decoder.is_some() && !self.is_inside)
    }
}

fn ended(is_whole: bool) -> Result<(), String> {
    if is_whole { Ok(()) } else { Err(ENDS_EARLY.to_owned()) }
}

fn no_stream(what: &str, before: u64) -> String {
    if before == 0 { "does not begin as it should".to_owned() } else { format!("goes on after its last {what}, with something else") }
}
