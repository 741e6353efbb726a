//! Names beside values: where words begin and end in them, and which words show that the value is none of a secret.

use super::value;

/// Whether a word begins here: at the start, after what is no letter, or where the case changes.
pub(super) fn starts_word(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|before| bytes.get(before)) else { return true };
    let here = bytes.get(at).copied().unwrap_or(b' ');
    !before.is_ascii_alphanumeric() || (before.is_ascii_lowercase() && here.is_ascii_uppercase())
}

/// Whether a word ends here: before what is no small letter, with a plural's `s` left aside.
pub(super) fn ends_word(bytes: &[u8], at: usize) -> bool {
    let small = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_lowercase);
    let last_is_upper = at.checked_sub(1).and_then(|last| bytes.get(last)).is_some_and(u8::is_ascii_uppercase);
    let goes_on = if last_is_upper { bytes.get(at).is_some_and(u8::is_ascii_alphabetic) } else { small(at) };
    !goes_on || (bytes.get(at).is_some_and(|byte| byte.eq_ignore_ascii_case(&b's')) && !small(at + 1))
}

/// Whether the name holds the word: a short one as a whole word, a longer one anywhere, whatever the case.
pub(super) fn holds(name: &[u8], word: &str) -> bool {
    let word = word.as_bytes();
    if word.len() <= 3 {
        return value::words(name).any(|part| part.eq_ignore_ascii_case(word));
    }
    name.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// Words that may stand before the secret's word only in names of something else.
const BEFORE: [&str; 17] = [
    "error", "invalid", "wrong", "hint", "label", "title", "forgot", "reset", "confirm", "enter", "btn", "button",
    "message", "msg", "show", "hide", "missing",
];

/// Words that may stand after the secret's word only in names of something else.
const AFTER: [&str; 79] = [
    "id",
    "ids",
    "name",
    "names",
    "url",
    "uri",
    "path",
    "file",
    "filename",
    "type",
    "label",
    "hint",
    "title",
    "message",
    "msg",
    "error",
    "errors",
    "regex",
    "pattern",
    "format",
    "field",
    "column",
    "header",
    "prefix",
    "suffix",
    "length",
    "len",
    "size",
    "min",
    "max",
    "count",
    "expiry",
    "expires",
    "expiration",
    "ttl",
    "lifetime",
    "interval",
    "endpoint",
    "host",
    "class",
    "algorithm",
    "algo",
    "alias",
    "version",
    "icon",
    "style",
    "color",
    "colour",
    "placeholder",
    "description",
    "help",
    "text",
    "screen",
    "view",
    "button",
    "btn",
    "event",
    "action",
    "status",
    "state",
    "policy",
    "rule",
    "rules",
    "strength",
    "visible",
    "toggle",
    "hash",
    "sha",
    "md",
    "digest",
    "fingerprint",
    "checksum",
    "alphabet",
    "chars",
    "charset",
    "provider",
    "plugin",
    "uuid",
    "layout",
];

/// Whether the words around the secret's word show that the value is a secret's name, place, message or rule.
pub(super) fn is_about_something_else(before: &[u8], after: &[u8]) -> bool {
    let among = |name: &[u8], list: &[&str]| {
        value::words(name).any(|word| list.iter().any(|listed| word.eq_ignore_ascii_case(listed.as_bytes())))
    };
    among(before, &BEFORE) || among(after, &AFTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_and_end_where_people_see_it() {
        let name = b"myAwsTokens_x";
        assert!(starts_word(name, 0) && starts_word(name, 2) && !starts_word(name, 3) && starts_word(name, 12));
        assert!(ends_word(name, 10), "the plural of token");
        assert!(
            !ends_word(b"tokenizer", 5)
                && ends_word(b"passwordHash", 8)
                && ends_word(b"PASSWORD_X", 8)
                && !ends_word(b"TOKENIZER", 5)
        );
        assert!(holds(b"aws_SECRET_key", "secret") && holds(b"client_id", "id") && !holds(b"identity", "id"));
    }
}
