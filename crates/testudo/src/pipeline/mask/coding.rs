//! Content codings: what the upstream may use, and how its answers are decoded within bounds.

#![expect(clippy::large_stack_arrays, reason = "a buffer that lives as long as one call")]

use std::io::Write as _;

use brotli::{BrotliDecompressStream, BrotliResult, BrotliState, HeapAlloc, HuffmanCode};
use flate2::write::GzEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};
use http::header::{self, HeaderMap, HeaderValue};

/// Bytes that one step decodes.
const STEP: usize = 32 * 1024;
/// A coded answer may become this many times as long, once it is longer than [`FREE`].
const MOST_RATIO: u64 = 256;
const FREE: u64 = 1024 * 1024;
/// The longest that a coded answer may become.
const MOST_DECODED: u64 = 4 << 30;

/// A content coding that is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::pipeline) enum Coding {
    Identity,
    Gzip,
    Brotli,
}

impl Coding {
    /// That of an answer; nothing for one that is not read, or for several.
    pub(in crate::pipeline) fn of(headers: &HeaderMap) -> Option<Coding> {
        let mut values = headers.get_all(header::CONTENT_ENCODING).iter();
        let Some(value) = values.next() else { return Some(Coding::Identity) };
        if values.next().is_some() {
            return None;
        }
        match &*value.to_str().ok()?.trim().to_ascii_lowercase() {
            "" | "identity" => Some(Coding::Identity),
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "br" => Some(Coding::Brotli),
            _ => None,
        }
    }
}

/// Asks the upstream only for codings that are read, of those that the client reads.
pub(in crate::pipeline) fn narrow(headers: &mut HeaderMap) {
    let (gzip, br) = (takes(headers, "gzip"), takes(headers, "br"));
    let value = match (gzip, br) {
        (true, true) => "gzip, br",
        (true, false) => "gzip",
        (false, true) => "br",
        (false, false) => "identity",
    };
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
}

/// Whether the client reads gzip.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    takes(headers, "gzip")
}

/// Whether `Accept-Encoding` names the coding, or `*` without naming it, with a weight above 0 (RFC 9110 section 12.5.3).
fn takes(headers: &HeaderMap, coding: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut any = false;
    for item in values.flat_map(|value| value.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let wanted = weight.is_none_or(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0));
        if name.eq_ignore_ascii_case(coding) {
            return wanted;
        }
        any |= name == "*" && wanted;
    }
    any
}

/// Why an answer can't be decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(in crate::pipeline) enum CodingError {
    #[error("its content coding is damaged")]
    Damaged,
    #[error("its content coding is cut off")]
    CutOff,
    #[error("it becomes more than {MOST_RATIO} times as long, or longer than {MOST_DECODED} bytes, when it is decoded")]
    Bomb,
}

/// Decodes an answer piece by piece.
pub(in crate::pipeline) struct Decoder {
    kind: Kind,
    taken: u64,
    given: u64,
}

enum Kind {
    Identity,
    /// Between members (RFC 1952 section 2.2 allows several) there is none.
    Gzip {
        member: Option<Decompress>,
        seen: bool,
    },
    Brotli {
        state: Box<Unbrotli>,
        ended: bool,
    },
}

type Unbrotli = BrotliState<HeapAlloc<u8>, HeapAlloc<u32>, HeapAlloc<HuffmanCode>>;

impl Decoder {
    pub(in crate::pipeline) fn new(coding: Coding) -> Decoder {
        let kind = match coding {
            Coding::Identity => Kind::Identity,
            Coding::Gzip => Kind::Gzip { member: None, seen: false },
            Coding::Brotli => {
                // Strict: windows of at most 16 MiB, as HTTP has them.
                let state = Unbrotli::new_strict(HeapAlloc::default(), HeapAlloc::default(), HeapAlloc::default());
                Kind::Brotli { state: Box::new(state), ended: false }
            }
        };
        Decoder { kind, taken: 0, given: 0 }
    }

    /// Whether the bytes are as they came.
    pub(in crate::pipeline) fn is_identity(&self) -> bool {
        matches!(self.kind, Kind::Identity)
    }

    /// Decodes the next bytes into `out`, at most [`STEP`] of them; gives how many bytes of the input were taken. After a
    /// step with output there may be more without more input.
    pub(in crate::pipeline) fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, CodingError> {
        let before = out.len();
        let taken = match &mut self.kind {
            Kind::Identity => {
                let piece = input.get(..STEP).unwrap_or(input);
                out.extend_from_slice(piece);
                return Ok(piece.len());
            }
            Kind::Gzip { member, seen } => gunzip(member, seen, input, out)?,
            Kind::Brotli { state, ended } => unbrotli(state, ended, input, out)?,
        };
        self.taken += taken as u64;
        self.given += (out.len() - before) as u64;
        let over = self.given > FREE && self.given > self.taken.saturating_mul(MOST_RATIO);
        if over || self.given > MOST_DECODED { Err(CodingError::Bomb) } else { Ok(taken) }
    }

    /// The input has ended. `empty`: there was none at all.
    pub(in crate::pipeline) fn finish(&self, empty: bool) -> Result<(), CodingError> {
        let whole = match &self.kind {
            Kind::Identity => true,
            Kind::Gzip { member, seen } => *seen && member.is_none(),
            Kind::Brotli { ended, .. } => *ended,
        };
        if whole || empty { Ok(()) } else { Err(CodingError::CutOff) }
    }
}

fn gunzip(
    member: &mut Option<Decompress>,
    seen: &mut bool,
    input: &[u8],
    out: &mut Vec<u8>,
) -> Result<usize, CodingError> {
    if input.is_empty() && member.is_none() {
        return Ok(0);
    }
    *seen = true;
    let inflate = member.get_or_insert_with(|| Decompress::new_gzip(15));
    let (taken, given) = (inflate.total_in(), out.len());
    let mut room = [0; STEP];
    let produced = inflate.total_out();
    let status = inflate.decompress(input, &mut room, FlushDecompress::None).map_err(|_| CodingError::Damaged)?;
    let produced = usize::try_from(inflate.total_out() - produced).unwrap_or(STEP);
    out.extend_from_slice(room.get(..produced).unwrap_or_default());
    let taken = usize::try_from(inflate.total_in() - taken).unwrap_or(input.len());
    if status == Status::StreamEnd {
        *member = None;
    } else if taken == 0 && out.len() == given && !input.is_empty() {
        return Err(CodingError::Damaged);
    }
    Ok(taken)
}

fn unbrotli(state: &mut Unbrotli, ended: &mut bool, input: &[u8], out: &mut Vec<u8>) -> Result<usize, CodingError> {
    if *ended {
        // Nothing may follow the end.
        return if input.is_empty() { Ok(0) } else { Err(CodingError::Damaged) };
    }
    let mut room = [0; STEP];
    let (mut left, mut taken, mut free, mut given, mut total) = (input.len(), 0, STEP, 0, 0);
    let result =
        BrotliDecompressStream(&mut left, &mut taken, input, &mut free, &mut given, &mut room, &mut total, state);
    out.extend_from_slice(room.get(..given).unwrap_or_default());
    match result {
        BrotliResult::ResultFailure => return Err(CodingError::Damaged),
        BrotliResult::ResultSuccess => *ended = true,
        BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
    }
    Ok(taken)
}

/// Codes what the client gets.
pub(super) enum Encoder {
    Identity,
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

impl Encoder {
    pub(super) fn new(gzip: bool) -> Encoder {
        if gzip { Encoder::Gzip(Box::new(GzEncoder::new(Vec::new(), Compression::fast()))) } else { Encoder::Identity }
    }

    /// Whether the bytes go as they are.
    pub(super) fn is_identity(&self) -> bool {
        matches!(self, Encoder::Identity)
    }

    /// Codes `plain` and appends what is ready to `out`. `flush`: all of it must be ready.
    pub(super) fn push(&mut self, plain: &mut Vec<u8>, flush: bool, out: &mut Vec<u8>) -> std::io::Result<()> {
        match self {
            Encoder::Identity => out.append(plain),
            Encoder::Gzip(encoder) => {
                encoder.write_all(plain)?;
                plain.clear();
                if flush {
                    encoder.flush()?;
                }
                out.append(encoder.get_mut());
            }
        }
        Ok(())
    }

    /// Ends the coding.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> std::io::Result<()> {
        if let Encoder::Gzip(encoder) = self {
            encoder.try_finish()?;
            out.append(encoder.get_mut());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
