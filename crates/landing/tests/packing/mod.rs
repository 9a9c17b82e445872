//! Packs texts as tools write them.

use std::io::Write;

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

pub(crate) fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

/// An archive as tools write it that know the lengths beforehand, or (`streamed`) only afterwards.
pub(crate) fn zip(files: &[(&str, &[u8])], streamed: bool, stored: bool) -> Vec<u8> {
    let options = zip::write::SimpleFileOptions::default().compression_method(if stored {
        zip::CompressionMethod::Stored
    } else {
        zip::CompressionMethod::Deflated
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    if streamed {
        let mut out = zip::ZipWriter::new_stream(&mut bytes);
        for (name, text) in files {
            out.start_file(*name, options).unwrap();
            out.write_all(text).unwrap();
        }
        out.finish().unwrap();
    } else {
        let mut out = zip::ZipWriter::new(&mut bytes);
        for (name, text) in files {
            out.start_file(*name, options).unwrap();
            out.write_all(text).unwrap();
        }
        out.finish().unwrap();
    }
    bytes.into_inner()
}
