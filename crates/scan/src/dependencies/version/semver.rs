//! Semantic Versioning 2.0, section 11, with the lenience that registries show: a `v` in front, any count of numbers
//! (missing ones are 0), and versions of other shapes behind all numbers.
//!
//! pub (`pub_semver`) also compares the build: one with a build is higher than one without. `CocoaPods` (`Pod::Version`)
//! begins the pre-release at the first part with a letter, hyphen or not.

use std::cmp::Ordering;

use super::{digits, numeric};

/// Orders by Semantic Versioning; `builds` tells whether what stands behind `+` counts.
pub(super) fn compare(one: &str, other: &str, builds: bool) -> Ordering {
    let (one, other) = (Version::of(one), Version::of(other));
    numbers(one.core, other.core).then_with(|| pre(one.pre, other.pre)).then_with(|| {
        if !builds {
            return Ordering::Equal;
        }
        match (one.build, other.build) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(one), Some(other)) => identifiers(one, other),
        }
    })
}

/// Orders as `CocoaPods` does.
pub(super) fn compare_pods(one: &str, other: &str) -> Ordering {
    fn split(text: &str) -> (&str, Option<&str>) {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(head, _)| head);
        let mut from = 0;
        for part in text.split('.') {
            let end = from + part.len();
            if !numeric(part) {
                // `1.0-beta`: the number before the hyphen belongs to the numbers.
                if let Some((number, _)) = part.split_once('-').filter(|(number, _)| numeric(number)) {
                    let at = from + number.len();
                    return (text.get(..at).unwrap_or_default(), text.get(at + 1..));
                }
                return (text.get(..from.saturating_sub(1)).unwrap_or_default(), text.get(from..));
            }
            from = end + 1;
        }
        (text, None)
    }
    let ((one, one_pre), (other, other_pre)) = (split(one), split(other));
    numbers(one, other).then_with(|| pre(one_pre, other_pre))
}

struct Version<'a> {
    core: &'a str,
    pre: Option<&'a str>,
    build: Option<&'a str>,
}

impl<'a> Version<'a> {
    fn of(text: &'a str) -> Version<'a> {
        let rest = text.strip_prefix(['v', 'V', '=']).unwrap_or(text).trim_start();
        let (rest, build) = match rest.split_once('+') {
            Some((rest, build)) => (rest, Some(build)),
            None => (rest, None),
        };
        let (core, pre) = match rest.split_once('-') {
            Some((core, pre)) => (core, Some(pre)),
            None => (rest, None),
        };
        Version { core, pre, build }
    }
}

/// Numbers between dots; what is missing is 0, and what is no number comes behind all numbers.
fn numbers(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let (left, right) = (one.next(), other.next());
        if left.is_none() && right.is_none() {
            return Ordering::Equal;
        }
        let (left, right) = (left.unwrap_or("0"), right.unwrap_or("0"));
        let order = match (numeric(left), numeric(right)) {
            (true, true) => digits(left, right),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => mixed(left, right),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Texts such as `1k` and `1l`: by the number in front, then as text.
fn mixed(one: &str, other: &str) -> Ordering {
    let split = |text: &'_ str| text.bytes().take_while(u8::is_ascii_digit).count();
    let ((left, one_rest), (right, other_rest)) = (one.split_at(split(one)), other.split_at(split(other)));
    digits(left, right).then_with(|| one_rest.cmp(other_rest))
}

/// A version without pre-release is higher than one with.
fn pre(one: Option<&str>, other: Option<&str>) -> Ordering {
    match (one, other) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => identifiers(one, other),
    }
}

/// Identifiers between dots: numbers by value and below texts, texts by their bytes, and the shorter list first.
fn identifiers(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let order = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => match (numeric(left), numeric(right)) {
                (true, true) => digits(left, right),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => left.cmp(right),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}
