//! Instants for people: UTC in the page, local time added by the script.

use std::fmt;
use std::time::Duration;

use testudo_core::Timestamp;

/// An instant as a `time` element: markup of digits only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct When {
    at: Timestamp,
    style: Style,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Style {
    Minute,
    Milli,
}

impl When {
    /// To the minute.
    pub(crate) fn minute(at: Timestamp) -> When {
        When { at, style: Style::Minute }
    }

    /// To the millisecond.
    pub(crate) fn exact(at: Timestamp) -> When {
        When { at, style: Style::Milli }
    }

    /// The text without markup.
    pub(crate) fn text(self) -> String {
        let text = self.at.to_string();
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
        match self.style {
            Style::Minute => format!("{} {} UTC", part(0, 10), part(11, 16)),
            Style::Milli => format!("{} {} UTC", part(0, 10), part(11, 23)),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let style = match self.style {
            Style::Minute => "minute",
            Style::Milli => "exact",
        };
        let millis = self.at.millis();
        write!(
            f,
            "<time datetime=\"{}\" data-ms=\"{millis}\" data-style=\"{style}\">{}</time>",
            iso(self.at),
            self.text()
        )
    }
}

/// RFC 3339 to the second.
pub(crate) fn iso(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).map_or(text.clone(), |second| format!("{second}Z"))
}

/// A duration in its two largest units; below a second in milliseconds.
pub(crate) fn length(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if seconds == 0 => format!("{} ms", length.as_micros().div_ceil(1_000)),
        (0, 0, 0) if seconds < 10 => format!("{}.{} s", seconds, length.subsec_millis() / 100),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A number in groups of three, as `1 234 567`; the space is narrow and does not break.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + 8);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A time of a form or an address: `2026-11-29`, `2026-11-29T02:10`, with seconds, and with a `Z` or without; UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let numbers = |text: &str, separator: char, widths: &[usize]| -> Option<Vec<i64>> {
        let parts: Vec<&str> = text.split(separator).collect();
        let fits = parts.len() <= widths.len()
            && parts
                .iter()
                .zip(widths)
                .all(|(part, width)| part.len() == *width && part.bytes().all(|byte| byte.is_ascii_digit()));
        fits.then(|| parts.iter().filter_map(|part| part.parse().ok()).collect())
    };
    let [year, month, day] = *numbers(day, '-', &[4, 2, 2])? else { return None };
    let (hour, minute, second) = match *numbers(time, ':', &[2, 2, 2])? {
        [hour, minute] => (hour, minute, 0),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let fits = year >= 1970 && (1..=longest).contains(&day) && hour < 24 && minute < 60 && second < 60;
    // Days from the civil date (Howard Hinnant, "chrono-compatible low-level date algorithms").
    let (shifted, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (shifted / 400, shifted % 400);
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * months + 2) / 5 + day - 1 - 719_468;
    fits.then(|| Timestamp::from_seconds(days * 86_400 + hour * 3_600 + minute * 60 + second))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for text in ["1970-01-01T00:00:00Z", "2026-11-29T02:10:22Z", "2024-02-29T23:59:59Z", "2100-03-01T00:00:00Z"] {
            assert_eq!(iso(parse(text).unwrap()), text);
        }
        assert_eq!(parse("2026-11-29"), parse("2026-11-29T00:00"));
        assert_eq!(parse("2026-11-29 02:10"), parse("2026-11-29T02:10:00Z"));
        for bad in
            ["", "2026", "2026-13-01", "2026-02-29", "2026-11-29T24:00", "2026-11-29T1:00", "-026-11-29", "١٩٧٠-01-01"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_and_lengths_are_short() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(length(Duration::from_micros(2_801)), "3 ms");
        assert_eq!(length(Duration::from_millis(1_250)), "1.2 s");
        assert_eq!(length(Duration::from_secs(42)), "42 s");
        assert_eq!(length(Duration::from_secs(3_725)), "1 h 2 min");
        assert_eq!(length(Duration::from_hours(71)), "2 d 23 h");
    }
}
