//! Words in names and labels: `password` in `userPassword`, `USER_PASSWORD` and `the password: `.

/// Whether the last word of a name is one of these. Digits and signs behind it do not count.
pub(super) fn ends_with(name: &str, words: impl IntoIterator<Item: AsRef<str>>) -> bool {
    let name = name.trim_end_matches(|letter: char| !letter.is_ascii_alphabetic());
    words.into_iter().any(|word| {
        let word = word.as_ref();
        let Some(start) = name.len().checked_sub(word.len()) else { return false };
        let last = name.as_bytes().get(start..).is_some_and(|last| last.eq_ignore_ascii_case(word.as_bytes()));
        last && starts_word(name.as_bytes(), start)
    })
}

fn starts_word(text: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|before| text.get(before)) else { return true };
    let here = text.get(at).copied().unwrap_or(b' ');
    !before.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && here.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_where_people_see_them() {
        let last = |name: &str| ends_with(name, ["password", "pin"]);
        assert!(last("userPassword") && last("USER_PASSWORD") && last("password: ") && last("pin2=") && last("PIN"));
        assert!(!last("passwordHint") && !last("spin") && !last("") && !last("Password length:"));
    }
}
