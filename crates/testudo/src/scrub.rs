//! Texts that leave the request's trip (log lines, details of events, exports) pass the detectors of the masker first:
//! email addresses, card and account numbers, telephone and national numbers become `***`.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use testudo_privacy::{DataClass, Marks, Masking, Plan, Treatment};

/// What stands for a text that can't be cleaned.
const HIDDEN: &str = "***";
/// Details that hold what somebody wrote.
const WRITTEN: [&str; 12] =
    ["author", "cause", "comment", "detail", "error", "label", "message", "note", "reason", "text", "title", "why"];

/// All that can be recognised.
static ALL: LazyLock<Option<Masking>> = LazyLock::new(|| masking(&DataClass::ALL));
/// What has a checksum or a shape of its own: hardly ever found in what a machine wrote.
static SURE: LazyLock<Option<Masking>> =
    LazyLock::new(|| masking(&[DataClass::Email, DataClass::Pan, DataClass::Iban]));

fn masking(classes: &[DataClass]) -> Option<Masking> {
    let plan = classes.iter().fold(Plan::PLAIN, |plan, class| plan.with(*class, Treatment::Null));
    Masking::new(Arc::new(Marks::none()), plan, None).ok()
}

/// The text without what is personal in it; borrowed when nothing was found.
pub fn text(text: &str) -> Cow<'_, str> {
    ALL.as_ref().map_or(Cow::Borrowed(HIDDEN), |masking| masking.text(text))
}

/// The same for a fact of an event, which is often a number or a list of ids of our own: those stay as they are.
pub fn fact(name: &str, value: &str) -> Option<String> {
    if WRITTEN.contains(&name) {
        return owned(text(value));
    }
    let written = value.bytes().any(|byte| byte.is_ascii_alphabetic() || byte == b'@');
    let masking = if written { SURE.as_ref()? } else { return None };
    owned(masking.text(value))
}

fn owned(text: Cow<'_, str>) -> Option<String> {
    match text {
        Cow::Borrowed(_) => None,
        Cow::Owned(cleaned) => Some(cleaned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lose_what_is_personal() {
        for (dirty, clean) in [
            ("mail ada@example.org bounced", "mail *** bounced"),
            ("card 4111 1111 1111 1111 refused", "card *** refused"),
            ("to DE89370400440532013000.", "to ***."),
            ("call +49 30 123456 first", "call *** first"),
        ] {
            assert_eq!(text(dirty), clean);
            assert_eq!(fact("reason", dirty).as_deref(), Some(clean));
        }
        assert_eq!(fact("target", "of ada@example.org").as_deref(), Some("of ***"));
    }

    #[test]
    fn what_machines_write_stays() {
        for own in [
            "2026-11-29T02:30:56.123456Z  INFO ready milliseconds=118",
            "{\"timestamp\":\"2026-11-29T02:30:56.123456Z\",\"level\":\"WARN\",\"upstream\":\"http://127.0.0.1:44117\"}",
            "per_01m85bsdpdgk3780d30nmsmk5t ses_01m85bseb4396wsanz1rgvcg4v req_01m85bsdnacty8jhjks7wv62wx",
            "814f173e7e2c0d88c9dc71407cd88dc1ba1e787bd45300f11591fb65772522a3",
            "a group of 12 entries took 118 ms at 192.168.100.200:8443",
        ] {
            assert!(matches!(text(own), Cow::Borrowed(_)), "{}", text(own));
        }
        for (name, own) in [
            ("until", "1764388800000000"),
            ("places", "8 11 13 15 17 19 21 23 118 119 120"),
            ("people", "c55d0f76cdc9affae3a53c06285e163c\n814f173e7e2c0d88c9dc71407cd88dc1"),
            ("journal-size", "4111111111111111"),
        ] {
            assert_eq!(fact(name, own), None, "{name}");
        }
    }
}
