//! `Gem::Version`: runs of digits are numbers and runs of letters make a pre-release; `-` begins one.

use std::cmp::Ordering;

use super::digits;

/// Orders as `RubyGems` does.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (segments(one), segments(other));
    let longest = one.len().max(other.len());
    for index in 0..longest {
        // What is missing is 0, and a text is below every number.
        let left = one.get(index).copied().unwrap_or(Segment::Number("0"));
        let right = other.get(index).copied().unwrap_or(Segment::Number("0"));
        let order = match (left, right) {
            (Segment::Number(left), Segment::Number(right)) => digits(left, right),
            (Segment::Text(left), Segment::Text(right)) => left.cmp(right),
            (Segment::Number(_), Segment::Text(_)) => Ordering::Greater,
            (Segment::Text(_), Segment::Number(_)) => Ordering::Less,
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Segment<'a> {
    Number(&'a str),
    Text(&'a str),
}

impl Segment<'_> {
    fn is_zero(&self) -> bool {
        matches!(self, Segment::Number(number) if number.bytes().all(|byte| byte == b'0'))
    }
}

/// The segments in canonical form: zeros at the end, and those before the first text, are dropped.
fn segments(text: &str) -> Vec<Segment<'_>> {
    let mut all = Vec::new();
    let mut rest = text.strip_prefix('v').unwrap_or(text);
    while let Some(first) = rest.chars().next() {
        let run = |wanted: fn(&u8) -> bool| rest.bytes().take_while(wanted).count();
        let (digit_run, letter_run) = (run(u8::is_ascii_digit), run(u8::is_ascii_alphabetic));
        let taken = if digit_run > 0 {
            all.push(Segment::Number(rest.get(..digit_run).unwrap_or_default()));
            digit_run
        } else if letter_run > 0 {
            all.push(Segment::Text(rest.get(..letter_run).unwrap_or_default()));
            letter_run
        } else {
            // A hyphen stands for `.pre.`.
            if first == '-' {
                all.push(Segment::Text("pre"));
            }
            first.len_utf8()
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    let text_at = all.iter().position(|segment| matches!(segment, Segment::Text(_))).unwrap_or(all.len());
    let mut pre = all.split_off(text_at);
    drop_zeros(&mut all);
    drop_zeros(&mut pre);
    all.append(&mut pre);
    all
}

fn drop_zeros(segments: &mut Vec<Segment<'_>>) {
    while segments.last().is_some_and(Segment::is_zero) {
        segments.pop();
    }
}
