//! Holds the bytes that a writer leaves until somebody else takes them.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The bytes of a file that nobody took yet. All clones are one buffer: a writer owns one of them,
/// and who empties it another.
#[derive(Debug, Clone, Default)]
pub struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

impl SharedBuffer {
    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes all bytes out.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.bytes())
    }

    /// Makes room for so many more bytes and no others: what grows bit by bit is copied again and
    /// again.
    pub fn reserve(&self, bytes: usize) {
        self.bytes().reserve_exact(bytes);
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for SharedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
