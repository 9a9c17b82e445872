//! Unpacks a source: packed bytes in, the bytes of the text out, in bounded memory and without I/O.
//!
//! A source that ends too early, was damaged, or goes on after its end is an error and never a
//! shorter text. What unpacks to more than its limit is one too, as soon as it does.

mod archive;
mod streams;
mod zip;

pub use archive::{Archive, TAIL_BYTES};

use contract::{Compression, Member};
use job::{Error, ErrorKind};

/// Most bytes that are unpacked at once.
const PIECE_BYTES: usize = 4 << 20;

/// A source that is being unpacked.
///
/// ```
/// use contract::Compression;
/// use landing::unpack::Unpack;
///
/// let packed = zstd::bulk::compress(b"a,b\n", 3)?;
/// let mut unpack = Unpack::new(Compression::Zstd, "table.csv.zst", 1 << 20);
/// let mut text = Vec::new();
/// unpack.feed(&packed, |piece| {
///     text.extend_from_slice(piece);
///     Ok(())
/// })?;
/// unpack.finish()?;
/// assert_eq!(text, b"a,b\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Unpack {
    decoder: Box<dyn Decode + Send>,
    compression: Compression,
    name: String,
    limit: u64,
    packed: u64,
    unpacked: u64,
}

/// One format. Errors are sentences without a subject: "ends too early".
trait Decode {
    /// Unpacks some of `packed` into `out`. Without progress it needs more of the one that is
    /// empty.
    fn step(&mut self, packed: &[u8], out: &mut [u8]) -> Result<Progress, String>;

    /// Whether the packed bytes may end here.
    fn finish(&self) -> Result<(), String>;
}

/// How far a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Progress {
    /// Bytes of the packed ones that are done with.
    taken: usize,
    /// Bytes that were written.
    written: usize,
}

/// The error of a source that is packed otherwise than it says.
const ENDS_EARLY: &str = "ends too early: it was cut off";

impl Unpack {
    /// An unpacker of a source called `name`, which may unpack to at most `limit` bytes. Sources
    /// that are not packed come out as they are.
    pub fn new(compression: Compression, name: &str, limit: u64) -> Self {
        Self::of(compression, None, name, limit)
    }

    /// The same; of a zip archive the file that `member` matches.
    pub fn of(compression: Compression, member: Option<&Member>, name: &str, limit: u64) -> Self {
        let decoder: Box<dyn Decode + Send> = match compression {
            Compression::Gzip => Box::new(streams::Streams::<streams::Gzip>::default()),
            Compression::Zstd => Box::new(streams::Zstd::default()),
            Compression::Bzip2 => Box::new(streams::Streams::<streams::Bzip2>::default()),
            Compression::Zip => Box::new(zip::Zip::of(member.cloned())),
            Compression::None | Compression::Auto => Box::new(streams::Plain),
        };
        Self { decoder, compression, name: name.to_owned(), limit, packed: 0, unpacked: 0 }
    }

    /// Bytes that came out so far.
    pub fn unpacked(&self) -> u64 {
        self.unpacked
    }

    /// Takes some of the next packed bytes in and puts what they unpack to in `out`, whatever it
    /// held before: at most a few MiB. Answers how many bytes it took. It is to be called with the
    /// rest until it takes nothing and gives nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SourceCorrupt`], [`ErrorKind::LimitExceeded`].
    pub fn push(&mut self, packed: &[u8], out: &mut Vec<u8>) -> Result<usize, Error> {
        out.resize(PIECE_BYTES, 0);
        let mut sum = Progress::default();
        while sum.written < out.len() {
            let step = self.decoder.step(&packed[sum.taken..], &mut out[sum.written..]);
            let step = step.map_err(|what| self.corrupt(&what, self.packed + sum.taken as u64))?;
            sum = Progress { taken: sum.taken + step.taken, written: sum.written + step.written };
            if step == Progress::default() {
                break;
            }
        }
        out.truncate(sum.written);
        self.packed += sum.taken as u64;
        self.unpacked += sum.written as u64;
        if self.unpacked > self.limit {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "{} unpacks to more than {} bytes, the limit for its size: is it a bomb? Unpack it and submit it as it is",
                    self.name, self.limit
                ),
            ));
        }
        Ok(sum.taken)
    }

    /// Takes the next packed bytes in and hands out what they unpack to, piece by piece.
    ///
    /// # Errors
    ///
    /// Those of [`push`](Self::push) and of `take`.
    pub fn feed(
        &mut self,
        mut packed: &[u8],
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut piece = Vec::new();
        loop {
            let taken = self.push(packed, &mut piece)?;
            packed = &packed[taken..];
            if taken == 0 && piece.is_empty() {
                return Ok(());
            }
            take(&piece)?;
        }
    }

    /// Says that no more packed bytes come.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SourceCorrupt`]: they can't end here.
    pub fn finish(&self) -> Result<(), Error> {
        self.decoder.finish().map_err(|what| self.corrupt(&what, self.packed))
    }

    fn corrupt(&self, what: &str, at: u64) -> Error {
        let format = self.compression.name();
        Error::new(
            ErrorKind::SourceCorrupt,
            format!(
                "{}, read as {format}, {what} (near byte {at} of the packed bytes); pack it again and submit it",
                self.name
            ),
        )
    }
}

/// Tells how a source is packed by its first bytes. It takes the beginning of a magic number that
/// the source ends in for the whole, so that what was cut off is not read as text.
pub fn sniff(sample: &[u8]) -> Compression {
    let begins = |magic: &[u8], least: usize| {
        sample.starts_with(magic) || (sample.len() >= least && magic.starts_with(sample))
    };
    let is_bzip2 = |level: u8| {
        let blocks = [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];
        blocks.iter().any(|block| begins(&[b"BZh", &[level][..], block].concat(), 4))
    };
    if begins(b"\x1f\x8b", 1) {
        Compression::Gzip
    } else if begins(b"\x28\xb5\x2f\xfd", 2) || is_skippable_frame(sample) {
        Compression::Zstd
    } else if (b'1'..=b'9').any(is_bzip2) {
        Compression::Bzip2
    } else if begins(b"PK\x03\x04", 3) || sample.starts_with(b"PK\x05\x06") {
        Compression::Zip
    } else {
        Compression::None
    }
}

/// A frame of Zstandard that holds no text: some tools begin with one.
fn is_skippable_frame(sample: &[u8]) -> bool {
    matches!(sample, [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..])
}
