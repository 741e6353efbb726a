//! Transformations (`t:`): what a rule does to a value before its operator looks, with `ModSecurity` 3's results.
//!
//! To add one: a variant of [`Transformation`], its name in `TABLE`, the bytes that it acts on in `trigger`, and its
//! function in a file of its own, called from `run`. The laws in `tests.rs` then cover it.

mod base64;
mod bytes;
mod classes;
mod cmdline;
mod comments;
mod css;
mod digest;
mod escape;
mod hex;
mod html;
mod js;
mod path;
mod php;
mod rewrite;
mod unicode;
mod url;
mod utf8;
mod whitespace;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use classes::ByteClasses;
pub use unicode::{UnicodeMap, UnicodeMapError};

/// A transformation function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Transformation {
    /// RFC 4648 base64; a value that is none becomes empty.
    Base64Decode,
    /// Base64 that skips what is no base64.
    Base64DecodeExt,
    /// RFC 4648 base64.
    Base64Encode,
    /// What a shell would make of a command line: quotes and carets away, separators one space, lower case.
    CmdLine,
    /// Runs of white space become one space.
    CompressWhitespace,
    /// CSS 2 escapes.
    CssDecode,
    /// ANSI C escapes.
    EscapeSeqDecode,
    /// Pairs of hexadecimal digits become bytes.
    HexDecode,
    /// Bytes become pairs of hexadecimal digits.
    HexEncode,
    /// HTML character references.
    HtmlEntityDecode,
    /// JavaScript escapes.
    JsDecode,
    /// The number of bytes, in decimal.
    Length,
    /// ASCII letters become small.
    Lowercase,
    /// ASCII letters become capital.
    Uppercase,
    /// The MD5 digest, as bytes.
    Md5,
    /// Nothing; it also empties the list of transformations that a rule inherits.
    None,
    /// Dot segments and repeated slashes leave a path.
    NormalizePath,
    /// As [`Self::NormalizePath`], with backslashes as slashes.
    NormalizePathWin,
    /// The high bit makes the parity even.
    ParityEven7bit,
    /// The high bit makes the parity odd.
    ParityOdd7bit,
    /// The high bit is cleared.
    ParityZero7bit,
    /// The name of a variable as PHP registers it.
    PhpArgsNames,
    /// Comments of C, HTML and SQL go away.
    RemoveComments,
    /// The marks of such comments go away.
    RemoveCommentsChar,
    /// NUL bytes go away.
    RemoveNulls,
    /// White space goes away.
    RemoveWhitespace,
    /// Each C comment becomes a space.
    ReplaceComments,
    /// NUL bytes become spaces.
    ReplaceNulls,
    /// The SHA-1 digest, as bytes.
    Sha1,
    /// SQL's `0x41` numbers become text.
    SqlHexDecode,
    /// White space at both ends goes away.
    Trim,
    /// White space at the start goes away.
    TrimLeft,
    /// White space at the end goes away.
    TrimRight,
    /// Percent-encoding and `+`.
    UrlDecode,
    /// Percent-encoding, `+` and `%uHHHH`.
    UrlDecodeUni,
    /// Percent-encoding of all but letters, digits and `*`.
    UrlEncode,
    /// UTF-8 sequences become `%uHHHH`.
    Utf8ToUnicode,
}

/// Each name and what it means; the first name of a transformation is its own, others are spellings of it.
const TABLE: [(&str, Transformation); 39] = [
    ("base64Decode", Transformation::Base64Decode),
    ("base64DecodeExt", Transformation::Base64DecodeExt),
    ("base64Encode", Transformation::Base64Encode),
    ("cmdLine", Transformation::CmdLine),
    ("compressWhitespace", Transformation::CompressWhitespace),
    ("cssDecode", Transformation::CssDecode),
    ("escapeSeqDecode", Transformation::EscapeSeqDecode),
    ("hexDecode", Transformation::HexDecode),
    ("hexEncode", Transformation::HexEncode),
    ("htmlEntityDecode", Transformation::HtmlEntityDecode),
    ("jsDecode", Transformation::JsDecode),
    ("length", Transformation::Length),
    ("lowercase", Transformation::Lowercase),
    ("uppercase", Transformation::Uppercase),
    ("md5", Transformation::Md5),
    ("none", Transformation::None),
    ("normalizePath", Transformation::NormalizePath),
    ("normalisePath", Transformation::NormalizePath),
    ("normalizePathWin", Transformation::NormalizePathWin),
    ("normalisePathWin", Transformation::NormalizePathWin),
    ("parityEven7bit", Transformation::ParityEven7bit),
    ("parityOdd7bit", Transformation::ParityOdd7bit),
    ("parityZero7bit", Transformation::ParityZero7bit),
    ("phpArgsNames", Transformation::PhpArgsNames),
    ("removeComments", Transformation::RemoveComments),
    ("removeCommentsChar", Transformation::RemoveCommentsChar),
    ("removeNulls", Transformation::RemoveNulls),
    ("removeWhitespace", Transformation::RemoveWhitespace),
    ("replaceComments", Transformation::ReplaceComments),
    ("replaceNulls", Transformation::ReplaceNulls),
    ("sha1", Transformation::Sha1),
    ("sqlHexDecode", Transformation::SqlHexDecode),
    ("trim", Transformation::Trim),
    ("trimLeft", Transformation::TrimLeft),
    ("trimRight", Transformation::TrimRight),
    ("urlDecode", Transformation::UrlDecode),
    ("urlDecodeUni", Transformation::UrlDecodeUni),
    ("urlEncode", Transformation::UrlEncode),
    ("utf8toUnicode", Transformation::Utf8ToUnicode),
];

/// When a transformation can give something else than its input.
enum Trigger {
    Never,
    /// On any value, even the empty one.
    Always,
    /// On any value that is not empty.
    NotEmpty,
    /// On values with one of these bytes.
    Any(&'static ByteClasses),
}

impl Transformation {
    /// Every name, with the British spellings.
    #[expect(clippy::indexing_slicing, reason = "evaluated at compile time; both have the length of the table")]
    pub const NAMES: [&'static str; TABLE.len()] = {
        let mut names = [""; TABLE.len()];
        let mut at = 0;
        while at < TABLE.len() {
            names[at] = TABLE[at].0;
            at += 1;
        }
        names
    };

    /// The transformation of that name; case does not count.
    pub fn from_name(name: &[u8]) -> Option<Transformation> {
        let found = TABLE.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        found.map(|(_, transformation)| *transformation)
    }

    /// Its name, as the reference manual writes it.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(_, transformation)| *transformation == self).map_or("", |(name, _)| name)
    }

    /// What becomes of `value`; borrowed when that is the value itself or a part of it.
    #[inline]
    pub fn apply(self, value: &[u8]) -> Cow<'_, [u8]> {
        self.apply_with(value, None)
    }

    /// As [`Self::apply`], with the map of `SecUnicodeMapFile` for `%uHHHH`.
    pub fn apply_with<'v>(self, value: &'v [u8], unicode: Option<&UnicodeMap>) -> Cow<'v, [u8]> {
        match self.run(value, unicode) {
            Cow::Owned(output) if output == value => Cow::Borrowed(value),
            output => output,
        }
    }

    /// Whether [`Self::apply`] can give something else than `value`. Cheap, and never false when it would.
    pub fn may_change(self, value: &[u8]) -> bool {
        match self {
            Transformation::NormalizePath => path::may_change(value),
            Transformation::CompressWhitespace => whitespace::first_to_compress(value).is_some(),
            Transformation::Trim => whitespace::trim(value).len() != value.len(),
            Transformation::TrimLeft => value.first().copied().is_some_and(whitespace::is_space),
            Transformation::TrimRight => value.last().copied().is_some_and(whitespace::is_space),
            Transformation::UrlDecode | Transformation::UrlDecodeUni => memchr::memchr2(b'%', b'+', value).is_some(),
            Transformation::JsDecode | Transformation::CssDecode | Transformation::EscapeSeqDecode => {
                memchr::memchr(b'\\', value).is_some()
            }
            Transformation::HtmlEntityDecode => memchr::memchr(b'&', value).is_some(),
            Transformation::RemoveNulls | Transformation::ReplaceNulls => memchr::memchr(0, value).is_some(),
            Transformation::ReplaceComments => memchr::memmem::find(value, b"/*").is_some(),
            _ => match self.trigger() {
                Trigger::Never => false,
                Trigger::Always => true,
                Trigger::NotEmpty => !value.is_empty(),
                Trigger::Any(set) => value.iter().any(|byte| set.contains(*byte)),
            },
        }
    }

    /// As [`Self::may_change`], asked of the bytes that occur in a value.
    #[inline]
    pub fn may_change_for(self, occurring: &ByteClasses) -> bool {
        match self.trigger() {
            Trigger::Never => false,
            Trigger::Always => true,
            Trigger::NotEmpty => !occurring.is_empty(),
            Trigger::Any(set) => occurring.intersects(set),
        }
    }

    fn trigger(self) -> Trigger {
        Trigger::Any(match self {
            Transformation::None => return Trigger::Never,
            Transformation::Length | Transformation::Md5 | Transformation::Sha1 => return Trigger::Always,
            Transformation::Base64Decode
            | Transformation::Base64DecodeExt
            | Transformation::Base64Encode
            | Transformation::HexDecode
            | Transformation::HexEncode => return Trigger::NotEmpty,
            Transformation::CmdLine => &cmdline::SPECIAL,
            Transformation::CompressWhitespace
            | Transformation::Trim
            | Transformation::TrimLeft
            | Transformation::TrimRight => &whitespace::SPACE,
            Transformation::CssDecode | Transformation::EscapeSeqDecode | Transformation::JsDecode => &BACKSLASH,
            Transformation::HtmlEntityDecode => &AMPERSAND,
            Transformation::Lowercase => &bytes::CAPITAL,
            Transformation::Uppercase => &bytes::SMALL,
            Transformation::NormalizePath => &path::SPECIAL,
            Transformation::NormalizePathWin => &path::SPECIAL_WIN,
            Transformation::ParityEven7bit => &bytes::NOT_EVEN,
            Transformation::ParityOdd7bit => &bytes::NOT_ODD,
            Transformation::ParityZero7bit => &bytes::HIGH,
            Transformation::PhpArgsNames => &php::SPECIAL,
            Transformation::RemoveComments => &comments::SPECIAL,
            Transformation::RemoveCommentsChar => &comments::MARKS,
            Transformation::RemoveNulls | Transformation::ReplaceNulls => &bytes::NUL,
            Transformation::RemoveWhitespace => &whitespace::REMOVED,
            Transformation::ReplaceComments => &comments::STAR,
            Transformation::SqlHexDecode => &hex::X,
            Transformation::UrlDecode | Transformation::UrlDecodeUni => &url::SPECIAL,
            Transformation::UrlEncode => &url::ENCODED,
            Transformation::Utf8ToUnicode => &utf8::SPECIAL,
        })
    }

    fn run<'v>(self, value: &'v [u8], map: Option<&UnicodeMap>) -> Cow<'v, [u8]> {
        match self {
            Transformation::None => Cow::Borrowed(value),
            Transformation::Base64Decode => base64::decode(value),
            Transformation::Base64DecodeExt => base64::decode_ext(value),
            Transformation::Base64Encode => base64::encode(value),
            Transformation::CmdLine => cmdline::cmd_line(value),
            Transformation::CompressWhitespace => whitespace::compress(value),
            Transformation::CssDecode => css::decode(value),
            Transformation::EscapeSeqDecode => escape::decode(value),
            Transformation::HexDecode => hex::decode(value),
            Transformation::HexEncode => hex::encode(value),
            Transformation::HtmlEntityDecode => html::decode(value),
            Transformation::JsDecode => js::decode(value),
            Transformation::Length => Cow::Owned(value.len().to_string().into_bytes()),
            Transformation::Lowercase => bytes::lowercase(value),
            Transformation::Uppercase => bytes::uppercase(value),
            Transformation::Md5 => digest::md5(value),
            Transformation::NormalizePath => path::normalize(value),
            Transformation::NormalizePathWin => path::normalize_win(value),
            Transformation::ParityEven7bit => bytes::parity_even(value),
            Transformation::ParityOdd7bit => bytes::parity_odd(value),
            Transformation::ParityZero7bit => bytes::parity_zero(value),
            Transformation::PhpArgsNames => php::args_names(value),
            Transformation::RemoveComments => comments::remove(value),
            Transformation::RemoveCommentsChar => comments::remove_marks(value),
            Transformation::RemoveNulls => bytes::remove_nulls(value),
            Transformation::RemoveWhitespace => whitespace::remove(value),
            Transformation::ReplaceComments => comments::replace(value),
            Transformation::ReplaceNulls => bytes::replace_nulls(value),
            Transformation::Sha1 => digest::sha1(value),
            Transformation::SqlHexDecode => hex::sql_decode(value),
            Transformation::Trim => Cow::Borrowed(whitespace::trim(value)),
            Transformation::TrimLeft => Cow::Borrowed(whitespace::trim_left(value)),
            Transformation::TrimRight => Cow::Borrowed(whitespace::trim_right(value)),
            Transformation::UrlDecode => url::decode(value),
            Transformation::UrlDecodeUni => url::decode_uni(value, map),
            Transformation::UrlEncode => url::encode(value),
            Transformation::Utf8ToUnicode => utf8::to_unicode(value),
        }
    }
}

static BACKSLASH: ByteClasses = ByteClasses::of_bytes(b"\\");
static AMPERSAND: ByteClasses = ByteClasses::of_bytes(b"&");
