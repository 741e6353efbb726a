//! Maven's order of versions: `ComparableVersion` as of Maven 3.9 (Maven, "Version Order Specification").
//!
//! A version is a list of numbers, qualifiers, qualifiers with a number (`rc1`), and lists again, one level deeper at each
//! hyphen and at each change between digits and letters.

use std::cmp::Ordering;

use super::digits;

/// Orders as Maven does.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    list(&parse(&one), &parse(&other))
}

enum Item<'a> {
    /// Digits without zeros in front.
    Number(&'a str),
    Word(Word<'a>),
    /// A qualifier that a number follows: `rc1`, `rc-1`.
    Pair(Word<'a>, &'a str),
    List(Vec<Item<'a>>),
}

/// A qualifier: the known ones in their order, unknown ones behind in the order of their bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Word<'a>(u8, &'a str);

/// A version without qualifier.
const RELEASE: Word<'static> = Word(5, "");

impl<'a> Word<'a> {
    fn of(text: &'a str, before_digit: bool) -> Word<'a> {
        let text = match text {
            "a" if before_digit => "alpha",
            "b" if before_digit => "beta",
            "m" if before_digit => "milestone",
            "cr" => "rc",
            other => other,
        };
        match text {
            "alpha" => Word(0, ""),
            "beta" => Word(1, ""),
            "milestone" => Word(2, ""),
            "rc" => Word(3, ""),
            "snapshot" => Word(4, ""),
            "" => RELEASE,
            // These compare as a release does, but do not vanish as an empty text does.
            "ga" | "final" | "release" => Word(5, ""),
            "sp" => Word(6, ""),
            unknown => Word(7, unknown),
        }
    }
}

/// Reads a version in lower case.
fn parse(version: &str) -> Vec<Item<'_>> {
    // The lists that are open, the innermost last. Each is the last element of the one before.
    let mut open: Vec<Vec<Item<'_>>> = vec![Vec::new()];
    let (mut digit, mut pair, mut start) = (false, false, 0);
    let mut chars = version.char_indices().peekable();
    while let Some((at, character)) = chars.next() {
        match character {
            '.' => {
                let text = version.get(start..at).unwrap_or_default();
                add(&mut open, if at == start { Item::Number("") } else { item(pair, digit, text) });
                pair = false;
                start = at + 1;
            }
            '-' => {
                if at == start {
                    add(&mut open, Item::Number(""));
                } else {
                    if !digit && chars.peek().is_some_and(|(_, next)| next.is_ascii_digit()) {
                        // `X-1` is `X1`.
                        pair = true;
                        continue;
                    }
                    add(&mut open, item(pair, digit, version.get(start..at).unwrap_or_default()));
                }
                start = at + 1;
                deeper(&mut open);
                pair = false;
            }
            '0'..='9' => {
                if !digit && at > start {
                    pair = true;
                    deeper(&mut open);
                }
                digit = true;
            }
            _ => {
                if digit && at > start {
                    add(&mut open, item(pair, true, version.get(start..at).unwrap_or_default()));
                    start = at;
                    deeper(&mut open);
                    pair = false;
                }
                digit = false;
            }
        }
    }
    if version.len() > start {
        if !digit {
            // `.X` is `-X` for any qualifier at the end.
            deeper(&mut open);
        }
        add(&mut open, item(pair, digit, version.get(start..).unwrap_or_default()));
    }
    while let Some(mut inner) = open.pop() {
        normalize(&mut inner);
        match open.last_mut() {
            Some(outer) => outer.push(Item::List(inner)),
            None => return inner,
        }
    }
    Vec::new()
}

fn add<'a>(open: &mut [Vec<Item<'a>>], item: Item<'a>) {
    if let Some(list) = open.last_mut() {
        list.push(item);
    }
}

/// Opens a list in the innermost one, unless that is empty still.
fn deeper(open: &mut Vec<Vec<Item<'_>>>) {
    if open.last().is_some_and(|list| !list.is_empty()) {
        open.push(Vec::new());
    }
}

fn item(pair: bool, digit: bool, text: &str) -> Item<'_> {
    if pair {
        let at = text.bytes().position(|byte| byte.is_ascii_digit()).unwrap_or(text.len());
        let (word, number) = text.split_at(at);
        return Item::Pair(Word::of(word.trim_end_matches('-'), true), number.trim_start_matches('0'));
    }
    if digit { Item::Number(text.trim_start_matches('0')) } else { Item::Word(Word::of(text, false)) }
}

/// Drops zeros and empty lists at the end, and before a qualifier.
fn normalize(items: &mut Vec<Item<'_>>) {
    for index in (0..items.len()).rev() {
        let null = match items.get(index) {
            Some(Item::Number(number)) => number.is_empty(),
            Some(Item::List(list)) => list.is_empty(),
            _ => false,
        };
        if !null {
            continue;
        }
        let drop = match items.get(index + 1) {
            None | Some(Item::Word(_)) => true,
            Some(Item::List(list)) => matches!(list.first(), Some(Item::Word(_) | Item::Pair(..))),
            Some(_) => false,
        };
        if drop {
            items.remove(index);
        }
    }
}

fn list(one: &[Item<'_>], other: &[Item<'_>]) -> Ordering {
    for index in 0..one.len().max(other.len()) {
        let order = match (one.get(index), other.get(index)) {
            (None, None) => Ordering::Equal,
            (None, Some(right)) => to_nothing(right).reverse(),
            (Some(left), None) => to_nothing(left),
            (Some(left), Some(right)) => items(left, right),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// How an item compares to none.
fn to_nothing(item: &Item<'_>) -> Ordering {
    match item {
        Item::Number(number) => {
            if number.is_empty() {
                Ordering::Equal
            } else {
                Ordering::Greater
            }
        }
        Item::Word(word) | Item::Pair(word, _) => word.cmp(&RELEASE),
        Item::List(list) => list.iter().map(to_nothing).find(|order| order.is_ne()).unwrap_or(Ordering::Equal),
    }
}

fn items(one: &Item<'_>, other: &Item<'_>) -> Ordering {
    match (one, other) {
        (Item::Number(left), Item::Number(right)) => digits(left, right),
        (Item::Number(_), _) => Ordering::Greater,
        (_, Item::Number(_)) => Ordering::Less,
        (Item::Word(left), Item::Word(right)) => left.cmp(right),
        (Item::Word(left), Item::Pair(right, _)) => left.cmp(right).then(Ordering::Less),
        (Item::Pair(left, _), Item::Word(right)) => left.cmp(right).then(Ordering::Greater),
        (Item::Pair(left, one), Item::Pair(right, other)) => left.cmp(right).then_with(|| digits(one, other)),
        (Item::List(left), Item::List(right)) => list(left, right),
        (Item::List(_), _) => Ordering::Greater,
        (_, Item::List(_)) => Ordering::Less,
    }
}
