//! The lexical layer of `SecLang`: logical lines, words and quotes (`ModSecurity` reference, "Configuration Directives").

use super::Problem;

/// A directive with its continuation lines joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Line {
    /// Where it begins, from 1.
    pub(super) number: u32,
    /// Without comments and without white space at both ends.
    pub(super) text: String,
}

/// The directives of a file. A backslash at the end of a line continues it.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut found = Vec::new();
    let mut open: Option<Line> = None;
    for (index, raw) in text.lines().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let is_comment = raw.trim_start().starts_with('#');
        if is_comment && open.is_none() {
            continue;
        }
        let (part, goes_on) = match raw.trim_end().strip_suffix('\\') {
            Some(part) => (part, true),
            None => (raw, false),
        };
        // The white space that indents a continuation is no part of it, as in Apache httpd.
        let line = open.get_or_insert_with(|| Line { number, text: String::new() });
        let part = if line.text.is_empty() { part.trim_start() } else { part };
        line.text.push_str(part);
        if !goes_on && let Some(mut line) = open.take() {
            line.text.truncate(line.text.trim_end().len());
            if !line.text.is_empty() {
                found.push(line);
            }
        }
    }
    found.extend(open.filter(|line| !line.text.trim().is_empty()));
    found
}

/// The next word and what follows it. A word in double quotes may hold white space, and `\"` for a quote.
pub(super) fn word(text: &str) -> Result<Option<(String, &str)>, Problem> {
    let text = text.trim_start();
    let Some(first) = text.chars().next() else { return Ok(None) };
    if first == '"' {
        return quoted(text.get(1..).unwrap_or_default(), '"').map(Some);
    }
    let end = bare_end(text);
    let (word, rest) = text.split_at(end);
    Ok(Some((word.to_owned(), rest)))
}

/// Up to the quote that closes; a backslash before a quote is dropped, every other stays.
pub(super) fn quoted(text: &str, quote: char) -> Result<(String, &str), Problem> {
    let mut word = String::new();
    let mut chars = text.char_indices();
    while let Some((at, character)) = chars.next() {
        if character == quote {
            return Ok((word, text.get(at + 1..).unwrap_or_default()));
        }
        if character == '\\' {
            match chars.next() {
                Some((_, next)) if next == quote => word.push(quote),
                Some((_, next)) => {
                    word.push('\\');
                    word.push(next);
                }
                None => return Err(Problem::Quote),
            }
        } else {
            word.push(character);
        }
    }
    Err(Problem::Quote)
}

/// Where a word without quotes ends: at white space outside of single quotes.
fn bare_end(text: &str) -> usize {
    let mut within = false;
    for (at, character) in text.char_indices() {
        match character {
            '\'' => within = !within,
            _ if character.is_whitespace() && !within => return at,
            _ => {}
        }
    }
    // A quote that never closes encloses nothing.
    if within { text.find(char::is_whitespace).unwrap_or(text.len()) } else { text.len() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "test code")]

    use super::*;

    #[test]
    fn lines_are_joined_and_comments_dropped() {
        let found = lines("# head\n\nSecAction \\\n    \"id:1,\\\n  pass\"  \n  # more\nSecMarker END\n");
        let texts: Vec<(u32, &str)> = found.iter().map(|line| (line.number, line.text.as_str())).collect();
        assert_eq!(texts, [(3, "SecAction     \"id:1,  pass\""), (7, "SecMarker END")]);
    }

    #[test]
    fn words_end_at_white_space_or_quotes() {
        let (first, rest) = word(r#"ARGS "@rx \"a\\d" "id:1""#).unwrap().unwrap();
        assert_eq!(first, "ARGS");
        let (second, rest) = word(rest).unwrap().unwrap();
        assert_eq!(second, r#"@rx "a\\d"#);
        let (third, rest) = word(rest).unwrap().unwrap();
        assert_eq!((third.as_str(), rest), ("id:1", ""));
        assert!(word(rest).unwrap().is_none());
        assert!(matches!(word("\"open"), Err(Problem::Quote)));
        assert_eq!(word("ARGS:'/a b/' x").unwrap().unwrap().0, "ARGS:'/a b/'");
    }
}
