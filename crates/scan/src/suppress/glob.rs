//! Patterns of places: `?` is one character, `*` any within a part, `**` any across parts.
//!
//! Parts are what `/` divides in paths and `.` in names of classes. Matching walks all states at once, so its time is the
//! product of two bounded lengths, whatever the pattern.

/// The longest pattern, in characters.
const LONGEST: usize = 256;
/// The longest name that is matched, in characters; the rest of a longer one is not looked at and never matches.
const LONGEST_NAME: usize = 4_096;

/// Why a text is no pattern.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum GlobError {
    /// It is empty or too long.
    #[error("a place has 1 to {LONGEST} characters, not {0}")]
    Length(usize),
    /// It means everything.
    #[error("the place covers everything; name a part of the app")]
    Everything,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Token {
    One(char),
    AnyOne,
    Within,
    Across,
}

/// A pattern of places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glob {
    text: Box<str>,
    tokens: Vec<Token>,
}

impl Glob {
    /// Reads a pattern. One that is only stars is refused: that is switching a rule off.
    pub fn new(text: &str) -> Result<Glob, GlobError> {
        let length = text.chars().count();
        if length == 0 || length > LONGEST {
            return Err(GlobError::Length(length));
        }
        if text.chars().all(|character| "*?./".contains(character)) {
            return Err(GlobError::Everything);
        }
        let mut tokens = Vec::with_capacity(length);
        for character in text.chars() {
            match (character, tokens.last_mut()) {
                ('*', Some(last @ (Token::Within | Token::Across))) => *last = Token::Across,
                ('*', _) => tokens.push(Token::Within),
                ('?', _) => tokens.push(Token::AnyOne),
                (other, _) => tokens.push(Token::One(other)),
            }
        }
        Ok(Glob { text: text.into(), tokens })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it matches the whole name, whose parts this character divides.
    pub fn matches(&self, name: &str, separator: char) -> bool {
        let mut states = vec![false; self.tokens.len() + 1];
        if let Some(first) = states.first_mut() {
            *first = true;
        }
        self.pass_stars(&mut states);
        for (index, character) in name.chars().enumerate() {
            if index == LONGEST_NAME {
                return false;
            }
            let mut next = vec![false; states.len()];
            let mut alive = false;
            for (at, token) in self.tokens.iter().enumerate() {
                if !states.get(at).copied().unwrap_or(false) {
                    continue;
                }
                let to = match token {
                    Token::One(wanted) => (*wanted == character).then_some(at + 1),
                    Token::AnyOne => (character != separator).then_some(at + 1),
                    Token::Within => (character != separator).then_some(at),
                    Token::Across => Some(at),
                };
                if let Some(state) = to.and_then(|to| next.get_mut(to)) {
                    *state = true;
                    alive = true;
                }
            }
            if !alive {
                return false;
            }
            self.pass_stars(&mut next);
            states = next;
        }
        states.last().copied().unwrap_or(false)
    }

    /// A star may match nothing.
    fn pass_stars(&self, states: &mut [bool]) {
        for (at, token) in self.tokens.iter().enumerate() {
            let here = states.get(at).copied().unwrap_or(false);
            if here
                && matches!(token, Token::Within | Token::Across)
                && let Some(next) = states.get_mut(at + 1)
            {
                *next = true;
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "test code")]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn matches(pattern: &str, name: &str, separator: char) -> bool {
        Glob::new(pattern).unwrap().matches(name, separator)
    }

    #[test]
    fn stars_keep_to_parts() {
        assert!(matches("org.example.*", "org.example.Http", '.'));
        assert!(!matches("org.example.*", "org.example.net.Http", '.'));
        assert!(matches("org.example.**", "org.example.net.Http.check", '.'));
        assert!(matches("assets/*.js", "assets/main.js", '/'));
        assert!(!matches("assets/*.js", "assets/lib/main.js", '/'));
        assert!(matches("**.js", "assets/lib/main.js", '/'));
        assert!(matches("a?c", "abc", '/'));
        assert!(!matches("a?c", "a/c", '/'));
        assert!(!matches("a", "ab", '/'));
        assert!(matches("*a*b*", "xxaxxbxx", '/'));
        assert!(!matches("*a*b*", "xxbxxaxx", '/'));
    }

    #[test]
    fn everything_is_no_place() {
        assert_eq!(Glob::new("**"), Err(GlobError::Everything));
        assert_eq!(Glob::new("**/*.*"), Err(GlobError::Everything));
        assert_eq!(Glob::new(""), Err(GlobError::Length(0)));
        assert_eq!(Glob::new(&"a".repeat(257)), Err(GlobError::Length(257)));
    }

    #[test]
    fn bad_patterns_take_no_time() {
        let begin = Instant::now();
        assert!(!matches(&"*a".repeat(128), &"a".repeat(4_000).replace("aaaa", "aab"), '/'));
        assert!(!matches("a**", &"a".repeat(100_000), '/'));
        assert!(begin.elapsed() < Duration::from_secs(2));
    }
}
