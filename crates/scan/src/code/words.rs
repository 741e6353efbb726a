//! Words in names and labels: `password` in `userPassword`, `USER_PASSWORD` and `the password: `.

/// Whether the last word of a name is one of these. Digits and signs behind it do not count. A dash in a word is where the
/// name may have a sign, a space or the next capital: `api-key` is the last word of `api_key` and of `apiKey`.
pub(super) fn ends_with(name: &str, words: impl IntoIterator<Item: AsRef<str>>) -> bool {
    let name = name.trim_end_matches(|letter: char| !letter.is_ascii_alphabetic()).as_bytes();
    words.into_iter().any(|word| start_of(name, word.as_ref()).is_some_and(|start| starts_word(name, start)))
}

/// Where a word begins that ends a name.
fn start_of(name: &[u8], word: &str) -> Option<usize> {
    let mut start = name.len();
    for part in word.rsplit('-') {
        if start < name.len() {
            let before = name.get(..start)?;
            start -= before.iter().rev().take_while(|byte| b" _-.".contains(byte)).count();
        }
        start = start.checked_sub(part.len())?;
        let own = name.get(start..start + part.len())?;
        own.eq_ignore_ascii_case(part.as_bytes()).then_some(())?;
    }
    Some(start)
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
        let parted = |name: &str| ends_with(name, ["api-key"]);
        assert!(parted("api_key") && parted("myApiKey") && parted("the API key: ") && parted("apikey"));
        assert!(!parted("key") && !parted("rapi_key") && !parted("api") && !parted("apimonkey"));
        assert!(!last("passwordHint") && !last("spin") && !last("") && !last("Password length:"));
    }
}
