//! Unpacks formats that are a stream, or several one after the other.

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

/// Streams one after the other, each of which is checked against its own checksums.
pub(super) struct Streams<S> {
    /// The one that is being read; `None` before the first and between two.
    stream: Option<S>,
    count: u64,
}

/// One stream of several.
pub(super) trait Stream {
    /// The first byte of each.
    const FIRST: u8;
    /// What the format calls it.
    const NAME: &str;

    fn new() -> Self;
    /// Bytes taken and written so far.
    fn totals(&self) -> (u64, u64);
    /// Goes on; true: the stream ends there. The error is for people.
    fn step(&mut self, packed: &[u8], out: &mut [u8]) -> Result<bool, String>;
}

impl<S> Default for Streams<S> {
    fn default() -> Self {
        Self { stream: None, count: 0 }
    }
}

impl<S: Stream> Decode for Streams<S> {
    fn step(&mut self, packed: &[u8], out: &mut [u8]) -> Result<Progress, String> {
        if self.stream.is_none() && !packed.is_empty() {
            if packed[0] != S::FIRST {
                return Err(no_stream(S::NAME, self.count));
            }
            self.stream = Some(S::new());
        }
        let Some(stream) = &mut self.stream else { return Ok(Progress::default()) };
        let before = stream.totals();
        let ends = stream.step(packed, out)?;
        let (taken, written) = stream.totals();
        if ends {
            self.stream = None;
            self.count += 1;
        }
        Ok(Progress { taken: (taken - before.0) as usize, written: (written - before.1) as usize })
    }

    fn finish(&self) -> Result<(), String> {
        ended(self.stream.is_none() && self.count > 0)
    }
}

/// A member of gzip.
pub(super) struct Gzip(flate2::Decompress);

impl Stream for Gzip {
    const FIRST: u8 = 0x1f;
    const NAME: &str = "member";

    fn new() -> Self {
        Self(flate2::Decompress::new_gzip(GZIP_WINDOW_BITS))
    }

    fn totals(&self) -> (u64, u64) {
        (self.0.total_in(), self.0.total_out())
    }

    fn step(&mut self, packed: &[u8], out: &mut [u8]) -> Result<bool, String> {
        let status = self.0.decompress(packed, out, FlushDecompress::None).map_err(damaged)?;
        Ok(status == flate2::Status::StreamEnd)
    }
}

/// A stream of bzip2.
pub(super) struct Bzip2(bzip2::Decompress);

impl Stream for Bzip2 {
    const FIRST: u8 = b'B';
    const NAME: &str = "stream";

    fn new() -> Self {
        Self(bzip2::Decompress::new(false))
    }

    fn totals(&self) -> (u64, u64) {
        (self.0.total_in(), self.0.total_out())
    }

    fn step(&mut self, packed: &[u8], out: &mut [u8]) -> Result<bool, String> {
        let status = self.0.decompress(packed, out).map_err(damaged)?;
        Ok(status == bzip2::Status::StreamEnd)
    }
}

/// Frames of Zstandard. Each is checked against the length and the checksum that it states, if it
/// does. Windows of more than 128 MiB are refused.
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

fn damaged(error: impl std::fmt::Display) -> String {
    format!("is damaged: {error}")
}

fn ended(is_whole: bool) -> Result<(), String> {
    if is_whole { Ok(()) } else { Err(ENDS_EARLY.to_owned()) }
}

fn no_stream(what: &str, before: u64) -> String {
    if before == 0 {
        "does not begin as it should".to_owned()
    } else {
        format!("goes on after its last {what}, with something else")
    }
}
