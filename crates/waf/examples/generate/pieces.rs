//! What values are made of: harmless words and numbers, and fragments of attacks, which only have to look like them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::Dice;
use crate::encode::{hide, spoil};

/// A list of `pieces.txt`, where a space at an end is written `␠`, and line ends are `␍` and `␊`.
pub fn list(name: &str) -> &'static [&'static str] {
    static LISTS: OnceLock<BTreeMap<&str, Vec<&str>>> = OnceLock::new();
    &LISTS.get_or_init(|| {
        let sections = include_str!("pieces.txt").split("== ").filter_map(|section| section.split_once('\n'));
        sections.map(|(name, lines)| (name, lines.lines().map(plain).collect())).collect()
    })[name]
}

fn plain(line: &str) -> &str {
    line.replace('␠', " ").replace('␍', "\r").replace('␊', "\n").leak()
}

fn number(dice: &mut Dice) -> String {
    match dice.below(8) {
        0..=3 => dice.below(1000).to_string(),
        4 => format!("-{}.{:02}", dice.below(500), dice.below(100)),
        5 => format!("{:016x}", dice.next()),
        6 => format!(
            "20{:02}-{:02}-{:02}T{:02}:00:00Z",
            dice.below(30),
            1 + dice.below(12),
            1 + dice.below(28),
            dice.below(24)
        ),
        _ => format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            dice.below(1 << 32),
            dice.below(1 << 16),
            dice.below(4096),
            dice.below(4096),
            dice.below(1 << 48)
        ),
    }
}

fn benign(dice: &mut Dice) -> Vec<u8> {
    let mut out = String::new();
    match dice.below(24) {
        0..=5 => out = number(dice),
        6 | 7 => out = format!("{}.{}@example.org", dice.pick(list("words")), dice.pick(list("words"))),
        8 | 9 => {
            out = format!(
                "https://{}.example.com/{}?{}={}",
                dice.pick(list("words")),
                dice.pick(list("words")),
                dice.pick(list("names")),
                number(dice)
            );
        }
        10 | 11 => out = data_encoding::BASE64URL.encode(number(dice).as_bytes()),
        12 => {
            out = format!(
                "{{\"{}\":\"{}\",\"n\":[{}]}}",
                dice.pick(list("names")),
                dice.pick(list("words")),
                dice.below(99)
            );
        }
        13..=16 => out.push_str(dice.pick(list("words"))),
        _ => {
            for _ in 0..2 + dice.below(8) {
                out.push_str(dice.pick(list("words")));
                out.push_str(dice.pick(list("separators")));
            }
        }
    }
    out.into_bytes()
}

fn attack(dice: &mut Dice) -> Vec<u8> {
    const KINDS: &[&str] = &["sql", "sql", "xss", "xss", "shell", "paths", "code"];
    let kind = dice.pick(KINDS);
    let mut out = Vec::new();
    if dice.percent(30) {
        out.extend(benign(dice));
    }
    for _ in 0..=dice.below(6) {
        let kind = if dice.percent(15) { dice.pick(KINDS) } else { kind };
        out.extend(dice.pick(list(kind)).bytes());
        if dice.percent(25) {
            out.extend(dice.pick(list("separators")).bytes());
        }
        if dice.percent(10) {
            out.extend(dice.pick(list("words")).bytes());
        }
    }
    out
}

/// A value; a hostile request has harmless ones too.
pub fn value(dice: &mut Dice, hostile: bool) -> Vec<u8> {
    if !(hostile && dice.payloads > 0 && dice.percent(if dice.is_dense() { 60 } else { 20 })) {
        return benign(dice);
    }
    dice.payloads -= 1;
    let mut value = attack(dice);
    for _ in 0..[0, 0, 1, 1, 2][dice.below(5)] {
        value = hide(dice, &value);
    }
    if dice.percent(if dice.is_dense() { 5 } else { 1 }) {
        spoil(dice, &mut value);
    }
    if value.len() > 600 {
        let end = (0..=600).rev().find(|end| value[*end] & 0xc0 != 0x80);
        value.truncate(end.unwrap_or(600));
    }
    value
}

/// A name; seldom it is an attack too.
pub fn name(dice: &mut Dice, hostile: bool) -> Vec<u8> {
    if hostile && dice.percent(6) { value(dice, true) } else { dice.pick(list("names")).as_bytes().to_vec() }
}

/// A word.
pub fn word(dice: &mut Dice) -> &'static str {
    dice.pick(list("words"))
}
