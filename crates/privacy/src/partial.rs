//! The part of a value that partial masking shows.
//!
//! Numbers keep their last four digits and their separators, when at least as many stay hidden; an email keeps the
//! first letters of both sides and the top-level domain; a name its initials; a date its year. What does not look like
//! its class, and whatever can't be shown in part, becomes `***`.

use crate::DataClass;

/// What stands for a value of which nothing is shown.
pub(crate) const HIDDEN: &str = "***";
/// How many digits or letters stay.
const SHOWN: usize = 4;
/// Most initials that a name keeps.
const INITIALS: usize = 6;

/// The part of the value that may be seen.
pub(crate) fn partial(class: DataClass, value: &str) -> String {
    let part = match class {
        DataClass::Email => email(value),
        DataClass::Phone | DataClass::Pan | DataClass::Iban | DataClass::NationalId => last_four(value),
        DataClass::Name => name(value),
        DataClass::BirthDate => year(value),
        DataClass::Address | DataClass::Health | DataClass::FreeText => None,
    };
    part.unwrap_or_else(|| HIDDEN.to_owned())
}

fn email(value: &str) -> Option<String> {
    let (local, domain) = value.rsplit_once('@')?;
    let (host, top) = domain.rsplit_once('.')?;
    let (first, host) = (local.chars().next()?, host.chars().next()?);
    let sound = top.len() <= 24 && !top.is_empty() && top.chars().all(|c| c.is_alphanumeric() || c == '-');
    sound.then(|| format!("{first}***@{host}***.{top}"))
}

/// Only for what is made of letters, digits and separators, and short.
fn last_four(value: &str) -> Option<String> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b" -./()+".contains(&byte);
    let count = value.bytes().filter(u8::is_ascii_alphanumeric).count();
    if count < 2 * SHOWN || value.len() > 64 || !value.bytes().all(sound) {
        return None;
    }
    let mut left = count;
    let show = |byte: u8| {
        let counts = byte.is_ascii_alphanumeric();
        left -= usize::from(counts);
        char::from(if counts && left >= SHOWN { b'*' } else { byte })
    };
    Some(value.bytes().map(show).collect())
}

fn name(value: &str) -> Option<String> {
    let initials: Vec<String> = value
        .split_whitespace()
        .take(INITIALS)
        .filter_map(|word| Some(format!("{}***", word.chars().next()?)))
        .collect();
    let lettered = value.chars().next().is_some_and(char::is_alphabetic);
    (lettered && value.len() <= 256).then(|| initials.join(" "))
}

/// The year of an RFC 3339 date.
fn year(value: &str) -> Option<String> {
    let bytes = value.as_bytes();
    let dashes = bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-') && bytes.len() >= 10;
    let year = value.get(..4).filter(|year| dashes && year.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(format!("{year}-**-**"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_keep_shape_and_hide_the_rest() {
        let table = [
            (DataClass::Pan, "4111111111111111", "************1111"),
            (DataClass::Pan, "4111 1111 1111 1111", "**** **** **** 1111"),
            (DataClass::Pan, "4111", "***"),
            (DataClass::Pan, "4111.1e3<script>", "***"),
            (DataClass::Phone, "+49 (30) 123456", "+** (**) **3456"),
            (DataClass::Phone, "1234567", "***"),
            (DataClass::Iban, "DE89 3704 0044 0532 0130 00", "**** **** **** **** **30 00"),
            (DataClass::NationalId, "078-05-1120", "***-**-1120"),
            (DataClass::Email, "ada@example.org", "a***@e***.org"),
            (DataClass::Email, "émile@ü.example.museum", "é***@ü***.museum"),
            (DataClass::Email, "not an address", "***"),
            (DataClass::Email, "@example.org", "***"),
            (DataClass::Email, "a@b.c d", "***"),
            (DataClass::Name, "Ada Lovelace", "A*** L***"),
            (DataClass::Name, "12 Main", "***"),
            (DataClass::BirthDate, "1984-05-06", "1984-**-**"),
            (DataClass::BirthDate, "1984-05-06T00:00:00Z", "1984-**-**"),
            (DataClass::BirthDate, "06.05.1984", "***"),
            (DataClass::Address, "1 Main Street", "***"),
            (DataClass::Health, "asthma", "***"),
            (DataClass::FreeText, "anything", "***"),
        ];
        for (class, value, part) in table {
            assert_eq!(partial(class, value), part, "{class} {value}");
        }
    }
}
