//! Pipes of transformations, and what can be known of their results beforehand.

use crate::transform::{ByteClasses, Transformation};

/// Transformations in order, as one of the rule set's.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Pipe {
    /// Each with its number in the rule set.
    pub(crate) steps: Vec<(Transformation, u8)>,
    /// The bits of their numbers.
    pub(crate) mask: u64,
    /// Whether a value may become longer.
    grows: bool,
    /// How many of them decode base64.
    decodes: usize,
}

/// Of values of this length, each byte that occurs is asked about once.
const LONG: usize = 96;

/// The transformations that a rule set uses, by number.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    list: Vec<Transformation>,
    /// The numbers of those that may change a value without any byte.
    empty: u64,
    /// What each byte says about a value.
    bytes: Box<[Facts; 256]>,
    /// The numbers of those that know better when they see the value.
    asked: u64,
}

/// What a byte says about a value that it occurs in.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// The byte itself.
    classes: ByteClasses,
    /// The numbers of the transformations that may change the value.
    changes: u64,
}

impl Used {
    /// At most 64 of them.
    pub(crate) fn new(list: Vec<Transformation>) -> Used {
        let of = |classes: &ByteClasses| {
            let acting = list.iter().enumerate().filter(|(_, transformation)| transformation.may_change_for(classes));
            acting.fold(0, |mask, (number, _)| mask | 1 << (number % 64))
        };
        let mut bytes = Box::new([Facts { classes: ByteClasses::EMPTY, changes: 0 }; 256]);
        for (facts, byte) in bytes.iter_mut().zip(0..=u8::MAX) {
            facts.classes = ByteClasses::EMPTY.with(byte);
            facts.changes = of(&facts.classes);
        }
        let asked = list.iter().enumerate().filter(|(_, transformation)| knows_better(**transformation));
        let asked = asked.fold(0, |mask, (number, _)| mask | 1 << (number % 64));
        Used { empty: of(&ByteClasses::EMPTY), bytes, asked, list }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Which bytes occur in a value, and the numbers of the transformations that may change it.
    #[inline]
    pub(super) fn learn(&self, value: &[u8]) -> (ByteClasses, u64) {
        let (mut classes, mut maybe) = (ByteClasses::EMPTY, self.empty);
        if value.len() < LONG {
            for facts in value.iter().filter_map(|byte| self.bytes.get(usize::from(*byte))) {
                classes = classes.union(facts.classes);
                maybe |= facts.changes;
            }
        } else {
            classes = ByteClasses::of(value);
            for (first, word) in (0..).step_by(64).zip(classes.words()) {
                let mut rest = word;
                while rest != 0 {
                    maybe |= self.bytes.get(first + rest.trailing_zeros() as usize).map_or(0, |facts| facts.changes);
                    rest &= rest - 1;
                }
            }
        }
        let mut changes = maybe;
        let mut asked = maybe & self.asked;
        while asked != 0 {
            let number = asked.trailing_zeros();
            asked &= asked - 1;
            if !self.list.get(number as usize).is_some_and(|transformation| may_change(*transformation, value)) {
                changes &= !(1 << number);
            }
        }
        (classes, changes)
    }
}

/// Whether it looks at more than which bytes occur.
fn knows_better(transformation: Transformation) -> bool {
    use Transformation as T;
    matches!(
        transformation,
        T::CompressWhitespace
            | T::NormalizePath
            | T::NormalizePathWin
            | T::ReplaceComments
            | T::Trim
            | T::TrimLeft
            | T::TrimRight
    )
}

/// A little sharper than the transformation's own question.
fn may_change(transformation: Transformation, value: &[u8]) -> bool {
    match transformation {
        // Without backslashes, paths of Windows are paths.
        Transformation::NormalizePathWin if memchr::memchr(b'\\', value).is_none() => {
            Transformation::NormalizePath.may_change(value)
        }
        other => other.may_change(value),
    }
}

impl Pipe {
    /// A pipe of these steps.
    pub(crate) fn new(steps: Vec<(Transformation, u8)>) -> Pipe {
        let mask = steps.iter().fold(0, |mask, (_, number)| mask | 1u64.checked_shl(u32::from(*number)).unwrap_or(0));
        let decodes = steps.iter().filter(|(step, _)| *step == Transformation::Base64Decode).count();
        Pipe { mask, grows: !steps.iter().all(|(step, _)| shortens(*step)), decodes, steps }
    }

    /// The most bytes that can come of a value of this length.
    #[inline]
    pub(crate) fn most(&self, len: usize) -> usize {
        if self.grows { usize::MAX } else { (0..self.decodes).fold(len, |len, _| len / 4 * 3) }
    }
}

/// Whether it never makes a value longer.
fn shortens(transformation: Transformation) -> bool {
    use Transformation as T;
    matches!(
        transformation,
        T::Base64Decode
            | T::CmdLine
            | T::CompressWhitespace
            | T::CssDecode
            | T::EscapeSeqDecode
            | T::HexDecode
            | T::JsDecode
            | T::Lowercase
            | T::NormalizePath
            | T::NormalizePathWin
            | T::RemoveComments
            | T::RemoveCommentsChar
            | T::RemoveNulls
            | T::RemoveWhitespace
            | T::ReplaceComments
            | T::ReplaceNulls
            | T::Trim
            | T::TrimLeft
            | T::TrimRight
            | T::Uppercase
            | T::UrlDecode
            | T::UrlDecodeUni
    )
}

/// The bytes that strict base64 takes.
pub(super) static BASE64: ByteClasses = ByteClasses::range(b'A', b'Z')
    .union(ByteClasses::range(b'a', b'z'))
    .union(ByteClasses::range(b'0', b'9'))
    .union(ByteClasses::of_bytes(b"+/=\r\n \t\0"));
