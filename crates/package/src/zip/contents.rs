//! What an entry holds: whole, or as a stream, within the size that the directory declares.

use std::borrow::Cow;
use std::io::{self, Read};

use flate2::bufread::DeflateDecoder;
use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::Archive;
use super::entry::Entry;

/// The data of an entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents<'a> {
    /// The bytes, at most as many as the directory declares.
    pub bytes: Cow<'a, [u8]>,
    /// Whether they have the declared checksum. Android does not check it.
    pub checksum_matches: bool,
    /// Whether there are exactly as many as declared; Android refuses the entry otherwise.
    pub complete: bool,
    /// How many bytes of compressed data were left.
    pub unread: usize,
}

/// Why an entry is not opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ContentError {
    /// There is no local header where the directory points.
    #[error("no local header at offset {offset}")]
    NoLocalHeader {
        /// The place.
        offset: usize,
    },
    /// The data reaches beyond the file, or into the directory.
    #[error("data at offset {offset} reaches beyond the directory's start")]
    Outside {
        /// Where the data begins.
        offset: usize,
    },
    /// The declared size is beyond the limits.
    #[error("{size} bytes are beyond the limits")]
    OverLimit {
        /// The declared size.
        size: u64,
    },
    /// The compressed data is not what RFC 1951 allows.
    #[error("broken compressed data near offset {offset}")]
    Broken {
        /// About where.
        offset: usize,
    },
}

impl<'a> Archive<'a> {
    /// Reads an entry whole.
    pub fn contents(&self, entry: &Entry<'a>) -> Result<Contents<'a>, ContentError> {
        let (data, offset) = self.data(entry)?;
        if !entry.is_deflated() {
            return Ok(Contents {
                bytes: Cow::Borrowed(data),
                checksum_matches: checksum(data) == entry.crc,
                complete: true,
                unread: 0,
            });
        }
        // Deflate makes at most 1,032 bytes of one, so a larger size is a lie that must not be allocated.
        let most = data.len().saturating_mul(1032).saturating_add(64);
        let size = usize::try_from(entry.size).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size.min(most)];
        let mut inflate = Decompress::new(false);
        let status = inflate.decompress(data, &mut bytes, FlushDecompress::Finish);
        let read = usize::try_from(inflate.total_in()).unwrap_or(usize::MAX).min(data.len());
        let written = usize::try_from(inflate.total_out()).unwrap_or(usize::MAX);
        bytes.truncate(written);
        let ended = match status {
            Ok(Status::StreamEnd) => true,
            Ok(Status::Ok | Status::BufError) => false,
            Err(_) => return Err(ContentError::Broken { offset: offset + read }),
        };
        Ok(Contents {
            checksum_matches: checksum(&bytes) == entry.crc,
            complete: ended && written == size,
            unread: data.len() - read,
            bytes: Cow::Owned(bytes),
        })
    }

    /// Reads an entry piece by piece; never more than its declared size.
    pub fn stream(&self, entry: &Entry<'a>) -> Result<Stream<'a>, ContentError> {
        let (data, _) = self.data(entry)?;
        Ok(Stream(if entry.is_deflated() {
            Source::Deflated(DeflateDecoder::new(data).take(entry.size))
        } else {
            Source::Stored(data)
        }))
    }

    /// The bytes in the archive that Android reads for this entry, and where they begin.
    fn data(&self, entry: &Entry<'a>) -> Result<(&'a [u8], usize), ContentError> {
        if !entry.admitted {
            return Err(ContentError::OverLimit { size: entry.size });
        }
        let Some(local) = &entry.local else {
            return Err(ContentError::NoLocalHeader { offset: entry.header });
        };
        let outside = ContentError::Outside { offset: local.data };
        let range = entry.data().ok_or(outside)?;
        let data = self.bytes.get(..self.end.directory.start).and_then(|bytes| bytes.get(range)).ok_or(outside)?;
        Ok((data, local.data))
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// An entry's data as a stream.
#[derive(Debug)]
pub struct Stream<'a>(Source<'a>);

#[derive(Debug)]
enum Source<'a> {
    Stored(&'a [u8]),
    Deflated(io::Take<DeflateDecoder<&'a [u8]>>),
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Stored(data) => data.read(buffer),
            Source::Deflated(inflate) => inflate.read(buffer),
        }
    }
}
