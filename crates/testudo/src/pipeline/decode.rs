//! A request's body without its content coding: contract and firewall see what the backend will read.

use std::borrow::Cow;
use std::io::Read as _;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, StatusCode};
use testudo_core::{Control, Decision, Denial};

use super::mask::{Coding, Decoder};

/// A body may become this many times as long, once it is longer than [`FREE`] bytes.
const MOST_RATIO: usize = 100;
const FREE: usize = 64 * 1024;
/// The longest that a coded body may become, in bytes.
const MOST: usize = 10 * 1024 * 1024;
/// The largest window of a frame (RFC 9659 section 3), in bytes.
const WINDOW: u64 = 8 * 1024 * 1024;

/// Undoes the content coding of one body.
pub enum Undo {
    /// gzip, br, or none: as the bytes come.
    Streamed { decoder: Decoder, taken: usize, given: usize },
    /// zstd (RFC 8878): the whole body at once.
    Whole,
}

/// Why a body can't be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unread {
    /// More than one coding, or one that is not known.
    Coding,
    /// The bytes are not what the coding says.
    Damaged,
    /// It becomes too long.
    Bomb,
}

impl Unread {
    /// The stable code.
    pub const fn code(self) -> &'static str {
        match self {
            Unread::Coding => "content-coding-unknown",
            Unread::Damaged => "content-coding-damaged",
            Unread::Bomb => "content-coding-too-large",
        }
    }

    /// The status and what to do.
    pub const fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Unread::Coding => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the firewall reads bodies with the content coding gzip or br, or up to 256 KiB with zstd; send it so, or as it \
                 is",
            ),
            Unread::Damaged => (StatusCode::BAD_REQUEST, "the request body is not what its Content-Encoding says"),
            Unread::Bomb => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request body becomes more than 10 MiB, or 100 times as long, without its content coding",
            ),
        }
    }

    pub fn decision(self) -> Decision {
        let denial = match self {
            Unread::Coding => Denial::UnsupportedMediaType,
            Unread::Damaged => Denial::Malformed,
            Unread::Bomb => Denial::TooLarge,
        };
        Decision::deny(Control::Waf, denial, self.code(), self.answer().1)
    }
}

impl Undo {
    /// As the head says.
    pub fn of(headers: &HeaderMap) -> Result<Undo, Unread> {
        if let Some(coding) = Coding::of(headers) {
            return Ok(Undo::Streamed { decoder: Decoder::new(coding), taken: 0, given: 0 });
        }
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let zstd = codings.next().is_some_and(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"zstd"));
        if zstd && codings.next().is_none() { Ok(Undo::Whole) } else { Err(Unread::Coding) }
    }

    /// Whether it can be undone while the body flows.
    pub fn flows(&self) -> bool {
        matches!(self, Undo::Streamed { .. })
    }

    /// Hands on what these bytes are, in pieces.
    pub fn feed(&mut self, bytes: &[u8], mut give: impl FnMut(&[u8])) -> Result<(), Unread> {
        let Undo::Streamed { decoder, taken, given } = self else {
            give(&unzstd(bytes)?);
            return Ok(());
        };
        if decoder.is_identity() {
            give(bytes);
            return Ok(());
        }
        let (mut left, mut plain) = (bytes, Vec::new());
        loop {
            plain.clear();
            let step = decoder.step(left, &mut plain).map_err(|_| Unread::Damaged)?;
            left = left.get(step..).unwrap_or_default();
            *taken += step;
            *given += plain.len();
            if *given > MOST || (*given > FREE && *given > taken.saturating_mul(MOST_RATIO)) {
                return Err(Unread::Bomb);
            }
            if plain.is_empty() && (left.is_empty() || step == 0) {
                return if left.is_empty() { Ok(()) } else { Err(Unread::Damaged) };
            }
            give(&plain);
        }
    }

    /// The whole body.
    pub fn all(mut self, bytes: &[u8]) -> Result<Cow<'_, [u8]>, Unread> {
        if bytes.is_empty() || matches!(&self, Undo::Streamed { decoder, .. } if decoder.is_identity()) {
            return Ok(Cow::Borrowed(bytes));
        }
        let mut plain = Vec::new();
        self.feed(bytes, |piece| plain.extend_from_slice(piece))?;
        self.finish(false)?;
        Ok(Cow::Owned(plain))
    }

    /// The body has ended. `empty`: there was none.
    pub fn finish(&self, empty: bool) -> Result<(), Unread> {
        match self {
            Undo::Streamed { decoder, .. } => decoder.finish(empty).map_err(|_| Unread::Damaged),
            Undo::Whole => Ok(()),
        }
    }
}

/// Decodes frames of zstd.
fn unzstd(mut bytes: &[u8]) -> Result<Vec<u8>, Unread> {
    let most = MOST.min(bytes.len().saturating_mul(MOST_RATIO).max(FREE));
    let mut plain = Vec::new();
    while !bytes.is_empty() {
        if window(bytes).is_none_or(|window| window > WINDOW) {
            return Err(Unread::Damaged);
        }
        let decoder = ruzstd::decoding::StreamingDecoder::new(&mut bytes).map_err(|_| Unread::Damaged)?;
        let room = (most - plain.len()) as u64;
        decoder.take(room + 1).read_to_end(&mut plain).map_err(|_| Unread::Damaged)?;
        if plain.len() > most {
            return Err(Unread::Bomb);
        }
    }
    Ok(plain)
}

/// How many bytes back a frame may refer (RFC 8878 sections 3.1.1.1.2 and 3.1.1.1.4); none for what is no frame.
fn window(bytes: &[u8]) -> Option<u64> {
    let [0x28, 0xb5, 0x2f, 0xfd, descriptor, rest @ ..] = bytes else { return None };
    let single = descriptor & 0x20 != 0;
    if !single {
        let window = *rest.first()?;
        let base = 1_u64 << (10 + (window >> 3));
        return Some(base + (base / 8) * u64::from(window & 7));
    }
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied()?;
    let size = match descriptor >> 6 {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => 8,
    };
    let field = rest.get(dictionary..)?.get(..size)?;
    let mut value = [0; 8];
    value.get_mut(..size)?.copy_from_slice(field);
    Some(u64::from_le_bytes(value) + if size == 2 { 256 } else { 0 })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// `hello hello hello ...` of 400 bytes in one frame, as the reference encoder writes it.
    fn frame(plain: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn frames_are_decoded_one_after_another_within_bounds() {
        let plain = b"hello ".repeat(70);
        let mut both = frame(&plain);
        both.extend(frame(b"and more"));
        assert_eq!(unzstd(&both).unwrap(), [plain.as_slice(), b"and more"].concat());
        assert_eq!(unzstd(b""), Ok(Vec::new()));
        for end in 1..both.len() - frame(b"and more").len() {
            assert!(unzstd(both.get(..end).unwrap()).is_err(), "cut at {end}");
        }
        assert_eq!(unzstd(&frame(&vec![0; 3 << 20])), Err(Unread::Bomb));
        // A window of 2 GiB.
        assert_eq!(unzstd(&[0x28, 0xb5, 0x2f, 0xfd, 0, 21 << 3, 1, 0, 0]), Err(Unread::Damaged));
    }

    #[test]
    fn what_a_head_says_is_one_known_coding_or_refused() {
        for (values, expected) in [
            (&[][..], Ok(true)),
            (&["gzip"], Ok(true)),
            (&["br"], Ok(true)),
            (&[" ZSTD "], Ok(false)),
            (&["deflate"], Err(Unread::Coding)),
            (&["gzip, gzip"], Err(Unread::Coding)),
            (&["gzip", "br"], Err(Unread::Coding)),
            (&["zstd", "zstd"], Err(Unread::Coding)),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, value.parse().unwrap());
            }
            assert_eq!(Undo::of(&headers).map(|undo| undo.flows()), expected, "{values:?}");
        }
    }
}
