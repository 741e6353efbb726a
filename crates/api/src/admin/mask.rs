//! Masking of personal data in lists.

/// `ada@example.org` as `a***@e…`, `ada` as `a***`.
pub(super) fn mask(text: &str) -> String {
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    match text.split_once('@') {
        Some((local, domain)) => format!("{}***@{}…", first(local), first(domain)),
        None if text.is_empty() => String::new(),
        None => format!("{}***", first(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn masks_hide_all_but_the_first_letters() {
        assert_eq!(mask("ada@example.org"), "a***@e…");
        assert_eq!(mask("ada"), "a***");
        assert_eq!(mask("a"), "a***");
        assert_eq!(mask("émile@ü.example"), "é***@ü…");
        assert_eq!(mask(""), "");
        assert_eq!(mask("@"), "***@…");
    }
}
