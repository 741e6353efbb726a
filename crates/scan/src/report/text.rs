//! Text of a package as people may safely see it, and text in lines of a given width.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Makes visible what would move the cursor, hide, or turn other text around: control characters, marks of direction,
/// and characters without width. A line feed and a tab become a space.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => out.push(' '),
            _ if is_unsafe(character) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out
}

/// As [`clean`], line by line.
pub(crate) fn clean_lines(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n")
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
            // No characters of XML 1.0.
            | '\u{fffe}' | '\u{ffff}')
}

/// How many columns a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Breaks a text into lines of at most so many columns, at spaces; a longer word is broken where it must be. Paragraphs
/// (empty lines) stay; single line feeds do not.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in paragraphs(text) {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            let needs = width(word);
            if used > 0 && used + 1 + needs > columns {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            for character in word.chars() {
                let more = character.width().unwrap_or(0);
                if used > 0 && used + more > columns {
                    lines.push(std::mem::take(&mut line));
                    used = 0;
                }
                line.push(character);
                used += more;
            }
        }
        lines.push(line);
    }
    lines
}

/// The paragraphs of a text: what empty lines part.
pub(crate) fn paragraphs(text: &str) -> Vec<String> {
    let mut all: Vec<String> = vec![String::new()];
    for line in text.lines() {
        if line.trim().is_empty() {
            all.push(String::new());
        } else if let Some(last) = all.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(line.trim());
        }
    }
    all.retain(|paragraph| !paragraph.is_empty());
    all
}

/// A number with its thousands apart: `15,957`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number and what it counts: `1 place`, `1,204 files`; the plural is given where it is more than an `s`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    let plural = match one {
        "class" => "classes".to_owned(),
        "library" => "libraries".to_owned(),
        _ => format!("{one}s"),
    };
    format!("{} {}", grouped(number), if number == 1 { one } else { &plural })
}

/// Bytes for people: `24.1 MB` (powers of 1000).
pub(crate) fn bytes(number: u64) -> String {
    let (unit, name) = match number {
        0..1_000 => return counted(number, "byte"),
        1_000..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    let tenths = (number / (unit / 10)).min(99_999);
    format!("{}.{} {name}", grouped(tenths / 10), tenths % 10)
}

/// How many of a usize, as the other counts are.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(counted(1, "class"), "1 class");
        assert_eq!(counted(2, "class"), "2 classes");
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(9_500_000), "9.5 MB");
        assert_eq!(bytes(24_160_001), "24.1 MB");
    }

    #[test]
    fn escapes_are_shown() {
        assert_eq!(clean("a\u{1b}[31mb\u{202e}c\nd"), "a\\u{1b}[31mb\\u{202e}c d");
        assert_eq!(clean("日本 é"), "日本 é");
    }

    proptest! {
        #[test]
        fn lines_fit_and_lose_nothing(text in "\\PC{0,200}", columns in 2usize..60) {
            let lines = wrap(&text, columns);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= 1 || width(line) <= columns + 1), "{lines:?}");
            let bare = |text: &str| text.chars().filter(|character| !character.is_whitespace()).collect::<String>();
            prop_assert_eq!(bare(&lines.concat()), bare(&text));
        }

        #[test]
        fn cleaned_text_has_no_controls(text in any::<String>()) {
            prop_assert!(!clean(&text).chars().any(is_unsafe));
        }
    }
}
