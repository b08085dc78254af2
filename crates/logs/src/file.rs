//! The bytes of one file of a chain, plain or compressed, from any place on.

use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;

/// Opens what is a file, and no link to one.
pub(crate) fn open_regular(path: &str) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")) }
}

/// Where bytes come from.
#[derive(Debug)]
pub(crate) enum Bytes {
    /// As they stand.
    Plain {
        file: File,
        at: u64,
    },
    Packed {
        decoder: Box<MultiGzDecoder<BufReader<File>>>,
    },
}

impl Bytes {
    /// From this place (of the uncompressed bytes) on.
    pub(crate) fn open(file: File, packed: bool, at: u64) -> io::Result<Bytes> {
        if !packed {
            return Ok(Bytes::Plain { file, at });
        }
        let mut decoder = Box::new(MultiGzDecoder::new(BufReader::with_capacity(32 << 10, file)));
        io::copy(&mut decoder.by_ref().take(at), &mut io::sink())?;
        Ok(Bytes::Packed { decoder })
    }

    /// Appends up to so many bytes; 0 = there are no more now.
    pub(crate) fn read(&mut self, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        let old = buffer.len();
        buffer.resize(old + most, 0);
        let got = loop {
            let got = match self {
                Bytes::Plain { file, at } => file.read_at(&mut buffer[old..], *at),
                Bytes::Packed { decoder } => decoder.read(&mut buffer[old..]),
            };
            match got {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        buffer.truncate(old + got.as_ref().map_or(0, |got| *got));
        if let (Bytes::Plain { at, .. }, Ok(got)) = (self, &got) {
            *at += *got as u64;
        }
        got
    }

    /// The open file, where it is not compressed.
    pub(crate) fn plain(&self) -> Option<&File> {
        match self {
            Bytes::Plain { file, .. } => Some(file),
            Bytes::Packed { .. } => None,
        }
    }
}
