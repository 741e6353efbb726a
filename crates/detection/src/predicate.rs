//! What a rule asks of an event: tests on fields, joined by a tree.
//!
//! Equal predicates of different rules are one predicate of the engine, so they must compare and hash equal: texts are
//! folded to lower case here, once, unless they are cased.

use ipnet::IpNet;

/// A test on the values of a field.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Predicate {
    /// The field; nothing means every value of the event (Sigma's keywords).
    pub field: Option<Box<str>>,
    pub test: Test,
}

/// What is asked of a field. True when any of the field's values fits.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Test {
    /// The field is there, even without a value.
    Exists,
    /// The field has a value other than null.
    HasValue,
    /// A text, or the text of a number.
    Text { anchor: Anchor, bytes: Box<[u8]>, cased: bool },
    /// A text with wildcards in its middle.
    Glob { pattern: Pattern, cased: bool },
    /// A regular expression finds something.
    Regex { source: Box<str> },
    /// The address lies in a network.
    Network(IpNet),
    /// The number compares.
    Number { is: Is, to: Number },
    /// A part of a date compares.
    Part { part: TimePart, is: Is, to: Number },
    /// The value of another field of the same event.
    SameAs { other: Box<str>, anchor: Anchor, cased: bool },
}

/// Where in a value the text stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Anchor {
    Whole,
    Start,
    End,
    Anywhere,
}

/// A comparison of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Is {
    Lt,
    Lte,
    Gt,
    Gte,
    Eq,
}

impl Is {
    pub(crate) fn holds(self, left: Number, right: Number) -> bool {
        match self {
            Is::Lt => left < right,
            Is::Lte => left <= right,
            Is::Gt => left > right,
            Is::Gte => left >= right,
            Is::Eq => left == right,
        }
    }
}

/// A number as in a rule or event; integers stay exact.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    #[expect(clippy::cast_precision_loss, reason = "an integer is compared with a fraction as closely as f64 allows")]
    fn approximate(self) -> f64 {
        match self {
            Number::Int(value) => value as f64,
            Number::Float(value) => value,
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Number> {
        let first = *text.as_bytes().first()?;
        if !first.is_ascii_digit() && !b"+-.".contains(&first) {
            return None;
        }
        if let Ok(value) = text.parse() {
            return Some(Number::Int(value));
        }
        text.parse().ok().filter(|value: &f64| value.is_finite()).map(Number::Float)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Number::Int(a), Number::Int(b)) => Some(a.cmp(b)),
            _ => self.approximate().partial_cmp(&other.approximate()),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.partial_cmp(other) == Some(std::cmp::Ordering::Equal)
    }
}

/// Rules hold finite numbers only.
impl Eq for Number {}

impl std::hash::Hash for Number {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.approximate().to_bits().hash(state);
    }
}

/// A part of a date, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum TimePart {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

/// A text with wildcards.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Pattern(pub Vec<Piece>);

/// A piece of a text with wildcards.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Piece {
    Literal(Box<[u8]>),
    /// `?`: one character.
    One,
    /// `*`: anything.
    Any,
}

impl Pattern {
    /// Reads Sigma's wildcards and escapes: `\*`, `\?` and `\\` stand for themselves, any other `\` too.
    pub(crate) fn parse(text: &str) -> Pattern {
        let mut pieces = Vec::new();
        let mut literal = Vec::new();
        let mut chars = text.chars().peekable();
        let mut buffer = [0; 4];
        while let Some(c) = chars.next() {
            let wildcard = match c {
                '\\' => {
                    let next = chars.next_if(|next| matches!(next, '*' | '?' | '\\'));
                    literal.extend_from_slice(next.unwrap_or('\\').encode_utf8(&mut buffer).as_bytes());
                    continue;
                }
                '*' => Piece::Any,
                '?' => Piece::One,
                c => {
                    literal.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
                    continue;
                }
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal).into()));
            }
            if wildcard != Piece::Any || pieces.last() != Some(&Piece::Any) {
                pieces.push(wildcard);
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.into()));
        }
        Pattern(pieces)
    }

    /// A text without wildcards.
    pub(crate) fn literal(bytes: impl Into<Box<[u8]>>) -> Pattern {
        let bytes = bytes.into();
        if bytes.is_empty() { Pattern::default() } else { Pattern(vec![Piece::Literal(bytes)]) }
    }

    /// The text, if it has no wildcards.
    pub(crate) fn plain(&self) -> Option<&[u8]> {
        match self.0.as_slice() {
            [] => Some(&[]),
            [Piece::Literal(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// The same, to be found at `anchor`.
    pub(crate) fn anchored(mut self, anchor: Anchor) -> Pattern {
        if matches!(anchor, Anchor::Start | Anchor::Anywhere) && self.0.last() != Some(&Piece::Any) {
            self.0.push(Piece::Any);
        }
        if matches!(anchor, Anchor::End | Anchor::Anywhere) && self.0.first() != Some(&Piece::Any) {
            self.0.insert(0, Piece::Any);
        }
        self
    }

    /// In lower case.
    pub(crate) fn folded(self) -> Pattern {
        let fold = |piece| match piece {
            Piece::Literal(bytes) => {
                let mut folded = Vec::new();
                fold_into(&bytes, &mut folded);
                Piece::Literal(folded.into())
            }
            other => other,
        };
        Pattern(self.0.into_iter().map(fold).collect())
    }

    /// Whether the whole of `text` fits.
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        let (mut piece, mut at) = (0, 0);
        // Where to go on after the last `*` if what follows it does not fit here.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let step = match self.0.get(piece) {
                Some(Piece::Any) => {
                    retry = Some((piece + 1, at));
                    Some(0)
                }
                Some(Piece::One) => rest.first().map(|byte| width(*byte).min(rest.len())),
                Some(Piece::Literal(bytes)) => rest.starts_with(bytes).then_some(bytes.len()),
                None => {
                    if rest.is_empty() {
                        return true;
                    }
                    None
                }
            };
            match (step, &mut retry) {
                (Some(length), _) => {
                    piece += 1;
                    at += length;
                }
                (None, Some((after, from))) => {
                    let Some(byte) = text.get(*from) else { return false };
                    *from += width(*byte);
                    (piece, at) = (*after, *from);
                }
                (None, None) => return false,
            }
        }
    }
}

/// The bytes of the character that starts with this byte.
fn width(first: u8) -> usize {
    match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
        _ => 1,
    }
}

/// Lower case, character by character, so that the case of a letter never depends on what follows it. Bytes that are no
/// UTF-8 have no case.
pub(crate) fn fold_into(bytes: &[u8], to: &mut Vec<u8>) {
    to.clear();
    if bytes.is_ascii() {
        to.extend_from_slice(bytes);
        to.make_ascii_lowercase();
    } else if let Ok(text) = std::str::from_utf8(bytes) {
        let mut buffer = [0; 4];
        for c in text.chars().flat_map(char::to_lowercase) {
            to.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
    } else {
        to.extend_from_slice(bytes);
    }
}

/// A condition over predicates.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Expr {
    Test(Predicate),
    Not(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    AtLeast(usize, Vec<Expr>),
}

impl Expr {
    pub(crate) fn test(field: Option<&str>, test: Test) -> Expr {
        Expr::Test(Predicate { field: field.map(Into::into), test })
    }

    pub(crate) fn not(inner: Expr) -> Expr {
        Expr::Not(Box::new(inner))
    }

    /// All of them; one alone stays itself.
    pub(crate) fn all(parts: Vec<Expr>) -> Expr {
        one_or(parts, Expr::All)
    }

    /// Any of them; one alone stays itself.
    pub(crate) fn any(parts: Vec<Expr>) -> Expr {
        one_or(parts, Expr::Any)
    }

    /// A field whose value fits a pattern. A pattern with wildcards in its middle is asked only where its longest
    /// literal was found.
    pub(crate) fn pattern(field: Option<&str>, pattern: Pattern, cased: bool) -> Expr {
        let pattern = if cased { pattern } else { pattern.folded() };
        let text = |anchor, bytes: &[u8]| Expr::test(field, Test::Text { anchor, bytes: bytes.into(), cased });
        match pattern.0.as_slice() {
            [] => text(Anchor::Whole, &[]),
            [Piece::Any] => Expr::test(field, Test::HasValue),
            [Piece::Literal(bytes)] => text(Anchor::Whole, bytes),
            [Piece::Literal(bytes), Piece::Any] => text(Anchor::Start, bytes),
            [Piece::Any, Piece::Literal(bytes)] => text(Anchor::End, bytes),
            [Piece::Any, Piece::Literal(bytes), Piece::Any] => text(Anchor::Anywhere, bytes),
            pieces => {
                let last = pieces.len() - 1;
                let literals = pieces.iter().enumerate().filter_map(|(index, piece)| match piece {
                    Piece::Literal(bytes) => Some((index, bytes)),
                    _ => None,
                });
                let witness = match literals.max_by_key(|(_, bytes)| bytes.len()) {
                    Some((0, bytes)) => text(Anchor::Start, bytes),
                    Some((index, bytes)) if index == last => text(Anchor::End, bytes),
                    Some((_, bytes)) => text(Anchor::Anywhere, bytes),
                    None => Expr::test(field, Test::HasValue),
                };
                Expr::All(vec![witness, Expr::test(field, Test::Glob { pattern, cased })])
            }
        }
    }
}

fn one_or(mut parts: Vec<Expr>, many: fn(Vec<Expr>) -> Expr) -> Expr {
    if parts.len() == 1
        && let Some(only) = parts.pop()
    {
        return only;
    }
    many(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_follow_the_specification() {
        let lit = |text: &str| Piece::Literal(text.as_bytes().into());
        let cases: [(&str, Vec<Piece>); 10] = [
            (r"a\b", vec![lit(r"a\b")]),
            (r"a\\b", vec![lit(r"a\b")]),
            (r"a\*b", vec![lit("a*b")]),
            (r"a\?", vec![lit("a?")]),
            (r"a\\*b", vec![lit(r"a\"), Piece::Any, lit("b")]),
            (r"a\\\*b", vec![lit(r"a\*b")]),
            (r"\\\\host", vec![lit(r"\\host")]),
            (r"\\\host", vec![lit(r"\\host")]),
            (r"end\", vec![lit(r"end\")]),
            ("a**?", vec![lit("a"), Piece::Any, Piece::One]),
        ];
        for (text, pieces) in cases {
            assert_eq!(Pattern::parse(text).0, pieces, "{text}");
        }
    }

    #[test]
    fn wildcards_match_whole_values() {
        let cases = [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abcd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "aéc", true),
            ("??", "日本", true),
            ("*ab", "aab", true),
            ("*aab*b", "aaaabb", true),
            ("?*", "", false),
            ("", "", true),
            ("*?", "x", true),
        ];
        for (pattern, text, fits) in cases {
            assert_eq!(Pattern::parse(pattern).matches(text.as_bytes()), fits, "{pattern} on {text}");
        }
    }
}
