//! Which passwords are accepted: NIST SP 800-63B section 5.1.1.2 - length, a list of the commonest, nothing that the
//! context gives away, and no rules about kinds of characters.
//!
//! The list is one of words, not of passwords: a password is common when all of it, after undoing the usual disguises
//! (`P@55w0rd2024!!` is `password`), is a common word, two of them, a walk over the keyboard or one thing repeated.

use testudo_core::Secret;

use super::username::Username;

/// The fewest characters.
pub const SHORTEST: usize = 10;
/// The most characters.
pub const LONGEST: usize = 128;
/// The most bytes, so that hashing does bounded work.
const LONGEST_BYTES: usize = 512;

/// Why a password is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasswordFault {
    /// Fewer characters than 10.
    #[error("use at least 10 characters; a few words in a row are easy to remember")]
    TooShort,
    /// More characters than 128.
    #[error("use at most 128 characters")]
    TooLong,
    /// It has a character that keyboards do not type.
    #[error("use characters that a keyboard types; there is a control character in it")]
    ControlCharacter,
    /// One of the passwords that attackers try first.
    #[error("this password is one of those that attackers try first; choose something of your own")]
    Common,
    /// It is the password that is in use.
    #[error("this is the password that was in use before; choose another")]
    Unchanged,
    /// It contains the user name.
    #[error("the password contains the user name; choose something that has nothing to do with it")]
    ContainsUsername,
    /// It contains the name of the service.
    #[error("the password contains the name of this service; choose something that has nothing to do with it")]
    ContainsService,
}

/// Checks a new password.
pub(crate) fn check(password: &Secret<String>, username: &Username, service: &str) -> Result<(), PasswordFault> {
    let text = password.expose();
    let letters = text.chars().count();
    if letters < SHORTEST {
        return Err(PasswordFault::TooShort);
    }
    if letters > LONGEST || text.len() > LONGEST_BYTES {
        return Err(PasswordFault::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(PasswordFault::ControlCharacter);
    }
    let lower = zeroize::Zeroizing::new(text.to_lowercase());
    let local = username.local_part();
    if lower.contains(username.as_str()) || (local.len() >= 4 && lower.contains(local)) {
        return Err(PasswordFault::ContainsUsername);
    }
    let service = service.to_lowercase();
    if service.len() >= 4 && lower.contains(&service) {
        return Err(PasswordFault::ContainsService);
    }
    if is_common(&lower) {
        return Err(PasswordFault::Common);
    }
    Ok(())
}

fn is_common(lower: &str) -> bool {
    let plain: Vec<char> = lower.chars().filter(|letter| !letter.is_whitespace()).collect();
    if is_repetition(&plain) || is_walk(&plain) {
        return true;
    }
    // Digits and signs at the ends are decoration; in the middle they stand for letters.
    let trimmed = lower.trim_matches(|letter: char| !letter.is_alphabetic());
    let whole: String = lower.chars().map(undisguise).filter(|letter| letter.is_alphabetic()).collect();
    let core: String = trimmed.chars().map(undisguise).filter(|letter| letter.is_alphabetic()).collect();
    [core, whole].iter().any(|text| is_common_word(text) || is_two_common_words(text))
}

fn is_common_word(text: &str) -> bool {
    WORDS.split_ascii_whitespace().any(|word| word == text)
}

/// Two common words, but only together shorter than a passphrase.
fn is_two_common_words(text: &str) -> bool {
    text.len() <= 18
        && text
            .char_indices()
            .skip(1)
            .any(|(place, _)| text.split_at_checked(place).is_some_and(|(a, b)| is_common_word(a) && is_common_word(b)))
}

fn undisguise(letter: char) -> char {
    match letter {
        '@' | '4' => 'a',
        '3' | '€' => 'e',
        '1' | '!' | '|' => 'i',
        '0' => 'o',
        '5' | '$' => 's',
        '7' | '+' => 't',
        other => other,
    }
}

/// One piece of at most a quarter of the length, or of four characters, again and again.
fn is_repetition(text: &[char]) -> bool {
    let most = (text.len() / 4).max(4).min(text.len() / 2);
    (1..=most).any(|period| text.iter().skip(period).zip(text).all(|(later, earlier)| later == earlier))
}

/// Runs along the alphabet, the digits or a row of the keyboard, in either direction, in at most three pieces.
fn is_walk(text: &[char]) -> bool {
    const ROWS: &[&str] = &[
        "abcdefghijklmnopqrstuvwxyz",
        "01234567890",
        "qwertyuiop",
        "asdfghjkl",
        "zxcvbnm",
        "qwertzuiop",
        "yxcvbnm",
        "azertyuiop",
        "qsdfghjklm",
        "wxcvbn",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
        "qazwsxedcrfvtgbyhnujmikolp",
        "!@#$%^&*()",
    ];
    let steps = |a: char, b: char| {
        ROWS.iter().any(|row| {
            let forward = row.chars().zip(row.chars().skip(1)).any(|pair| pair == (a, b));
            forward || row.chars().zip(row.chars().skip(1)).any(|pair| pair == (b, a))
        })
    };
    let breaks = text.iter().zip(text.iter().skip(1)).filter(|(a, b)| a != b && !steps(**a, **b)).count();
    text.len() >= 2 && breaks <= 2
}

/// What people build the commonest passwords from, in lower case and without disguise.
const WORDS: &str = include_str!("common_words.txt");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn verdict(password: &str) -> Result<(), PasswordFault> {
        check(&Secret::new(password.to_owned()), &"ada.lovelace@example.com".parse().unwrap(), "Testudo")
    }

    #[test]
    fn own_passwords_are_accepted_whatever_their_characters() {
        for password in [
            "correct horse battery staple",
            "mesa-lantern-42",
            "zwölf Boxkämpfer jagen",
            "パスワードはここにある",
            "tr0ub4dor&3x",
            "kX9#vQ2!mL",
            "qwerty keeps cats amused",
            "iloveyou to the moon and back",
        ] {
            assert_eq!(verdict(password), Ok(()), "{password}");
        }
        let words: Vec<String> = (1..40).map(|n| n.to_string()).collect();
        let longest: String = words.join(" boats ").chars().take(128).collect();
        assert_eq!(verdict(&longest), Ok(()));
        assert_eq!(verdict(&"long words ".repeat(10)), Err(PasswordFault::Common), "one thing again and again");
    }

    #[test]
    fn what_attackers_try_first_is_refused() {
        for password in [
            "password123",
            "Password2024!",
            "P@55w0rd2024!!",
            "1234567890",
            "0987654321",
            "qwertyuiop",
            "qwertyuiop123",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "iloveyou2023",
            "welcomehome1",
            "adminadmin",
            "letmein12345",
            "1q2w3e4r5t6y".replace("2w3e4r5t6y", "qaz2wsx3e").as_str(),
            "summer20262026",
            "!!sunshine!!",
            "abcdefghijkl",
            "passwordpassword",
            "p a s s w o r d 1",
        ] {
            assert_eq!(verdict(password), Err(PasswordFault::Common), "{password}");
        }
    }

    #[test]
    fn length_is_counted_in_characters_and_bounded_in_bytes() {
        assert_eq!(verdict("kX9#vQ2!m"), Err(PasswordFault::TooShort));
        assert_eq!(verdict("äöüßéèêñçø"), Ok(()));
        assert_eq!(verdict(&"ab3 ".repeat(33)), Err(PasswordFault::TooLong));
        assert_eq!(verdict("tab\there it is"), Err(PasswordFault::ControlCharacter));
        assert_eq!(verdict("nul\0here it is"), Err(PasswordFault::ControlCharacter));
    }

    #[test]
    fn names_are_refused() {
        assert_eq!(verdict("xx-Ada.Lovelace-xx"), Err(PasswordFault::ContainsUsername));
        assert_eq!(verdict("my testudo shell"), Err(PasswordFault::ContainsService));
    }

    proptest! {
        #[test]
        fn any_text_has_a_verdict(password in "\\PC{0,200}") {
            let _ = verdict(&password);
        }
    }
}
