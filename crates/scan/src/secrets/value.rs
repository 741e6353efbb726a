//! What a value looks like: its entropy, whether it is a placeholder, made of words, a hash's or a UUID's form.

/// Shannon entropy, in bits a byte.
#[expect(clippy::cast_precision_loss, reason = "counts of at most a few thousand bytes")]
pub(super) fn entropy(value: &[u8]) -> f32 {
    let mut counts = [0_u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = value.len() as f32;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| *count as f32 / total)
        .map(|share| -share * share.log2())
        .sum()
}

/// The entropy that a random value of this alphabet and length surely has.
#[expect(clippy::cast_precision_loss, reason = "lengths of at most a few thousand bytes")]
pub(super) fn least_entropy(value: &[u8]) -> f32 {
    let classes = Classes::of(value);
    let alphabet = match classes {
        Classes { digit: true, lower: false, upper: false, .. } => return 0.0,
        _ if value.iter().all(u8::is_ascii_hexdigit) => 16.0_f32,
        Classes { lower: true, upper: true, .. } => 62.0,
        _ => 36.0,
    };
    0.6 * alphabet.min(value.len() as f32).log2()
}

/// Which kinds of characters occur.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each class of characters")]
pub(super) struct Classes {
    pub(super) lower: bool,
    pub(super) upper: bool,
    pub(super) digit: bool,
    pub(super) sign: bool,
}

impl Classes {
    pub(super) fn of(value: &[u8]) -> Classes {
        let mut classes = Classes::default();
        for byte in value {
            match byte {
                b'a'..=b'z' => classes.lower = true,
                b'A'..=b'Z' => classes.upper = true,
                b'0'..=b'9' => classes.digit = true,
                _ => classes.sign = true,
            }
        }
        classes
    }
}

/// Words that show that a value waits to be replaced. All are long enough not to occur by chance.
const FILLERS: [&str; 27] = [
    "example",
    "placeholder",
    "changeme",
    "change-me",
    "change_me",
    "replace",
    "your_",
    "your-",
    "yourkey",
    "yourapi",
    "yoursecret",
    "yourtoken",
    "yourpass",
    "insert",
    "redacted",
    "xxxxx",
    "dummy",
    "sample",
    "undefined",
    "<",
    "${",
    "{{",
    "%s",
    "***",
    "...",
    "_here",
    "-here",
];

/// Whether the value was never issued: a filler word, a variable, a run of one character, a sequence, a short repetition.
pub(super) fn is_placeholder(value: &[u8], repeats: bool) -> bool {
    let lower = value.to_ascii_lowercase();
    FILLERS.iter().any(|filler| memchr::memmem::find(&lower, filler.as_bytes()).is_some())
        || is_sequence(&lower)
        || is_periodic(&lower)
        || (!repeats && longest_run(&lower) >= if value.len() < 24 { 6 } else { 10 })
}

fn longest_run(value: &[u8]) -> usize {
    value.chunk_by(|a, b| a == b).map(<[u8]>::len).max().unwrap_or(0)
}

/// Eight or more characters that count up.
fn is_sequence(value: &[u8]) -> bool {
    let follows = |a: &u8, b: &u8| {
        a.is_ascii_alphanumeric() && (*b == a.wrapping_add(1) || (*a == b'9' && matches!(*b, b'0' | b'a')))
    };
    value.chunk_by(follows).any(|run| run.len() >= 8)
}

/// The whole value is a repetition of at most eight characters.
fn is_periodic(value: &[u8]) -> bool {
    value.len() >= 12 && (1..=8).any(|period| value.iter().zip(value.iter().skip(period)).all(|(a, b)| a == b))
}

/// Whether the value has the form of a UUID (RFC 9562).
pub(super) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// The pairs of letters that are the most frequent in English and in what programmers name things, by frequency.
const PAIRS: &str = "thheinerreonanndattiesenofteedoritishiaralsentsttoasouiolevecomedeeariroicneracelichllbemasiomurcaeltalansdifohopeecprnoctusacotiltrlyncetutsssorsunlowageiewheewiemadolrtpowenaulnitsmoowpaimmiaishirsuidosiviaamficivipligtuevldrympfeblabghtyopwosaayexkefrooavagifapgrodbosprddoucbueiovbyrmepttocfaefcurnscgidayocrcldugaquueffbaeylsvaumppuauplugohtruugdsltpircrregauckewmubrbiptakpu";

/// Whether most of its letters form words: identifiers, class names, prose.
pub(super) fn is_wordy(value: &[u8]) -> bool {
    let letters = value.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let in_words: usize = words(value).filter(|word| is_word(word)).map(<[u8]>::len).sum();
    letters > 0 && in_words * 2 >= letters
}

/// The runs of letters, split where the case says that a word begins.
pub(super) fn words(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| !byte.is_ascii_alphabetic()).flat_map(|run| {
        run.chunk_by(|a, b| {
            a.is_ascii_uppercase() == b.is_ascii_uppercase() || (a.is_ascii_uppercase() && b.is_ascii_lowercase())
        })
        .filter(|word| !word.is_empty())
    })
}

/// Four or more letters, of which two thirds of the pairs are common.
pub(super) fn is_word(word: &[u8]) -> bool {
    let pairs = word.windows(2);
    let count = pairs.len();
    let common = pairs.filter(|pair| is_common(pair)).count();
    word.len() >= 4 && common * 3 >= count * 2
}

fn is_common(pair: &[u8]) -> bool {
    let lower = pair.to_ascii_lowercase();
    PAIRS.as_bytes().chunks(2).any(|common| common == lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told() {
        for value in [
            &b"YOUR_API_KEY"[..],
            b"xxxxxxxxxxxx",
            b"AKIAIOSFODNN7EXAMPLE",
            b"changeme",
            b"${VAR}",
            b"aaaaaaaa",
            b"1234567890abcdef",
            b"abcabcabcabc",
            b"00000000000000000000000000000000",
            b"<insert>",
            b"REPLACE_ME",
        ] {
            assert!(is_placeholder(value, false), "{}", String::from_utf8_lossy(value));
        }
        for value in [&b"Bq3kP9x7RtLw2Zc5Nf8Jd1Hg6Vm4Ty0Eu"[..], b"d41d8cd98f00b204e9800998ecf8427e", b"hunter2!"] {
            assert!(!is_placeholder(value, false), "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn words_are_told_from_random_letters() {
        for value in [
            &b"accessTokenRefreshInterval"[..],
            b"com.acme.wallet.SessionProvider",
            b"pref_account_4",
            b"forgot-password",
        ] {
            assert!(is_wordy(value), "{}", String::from_utf8_lossy(value));
        }
        for value in [&b"Bq3kP9x7RtLw2Zc5Nf8Jd1Hg6Vm4Ty0Eu"[..], b"q7xkz0vwj4hbp2fmg9yd", b"WkXqZrTvBnMpLsDf"] {
            assert!(!is_wordy(value), "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn entropy_is_that_of_shannon() {
        assert!(entropy(b"aaaa").abs() < 1e-6);
        assert!((entropy(b"abcd") - 2.0).abs() < 1e-6);
        assert!(is_uuid(b"f81d4fae-7dec-11d0-a765-00a0c91e6bf6") && !is_uuid(b"f81d4fae-7dec-11d0-a765-00a0c91e6bf"));
    }
}
