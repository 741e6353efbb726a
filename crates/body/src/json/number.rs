//! The grammar of numbers (RFC 8259, 6).

/// Whether these bytes are one JSON number.
pub(super) fn is_number(raw: &[u8]) -> bool {
    let rest = raw.strip_prefix(b"-").unwrap_or(raw);
    let rest = match rest.split_first() {
        Some((b'0', rest)) => rest,
        Some((b'1'..=b'9', rest)) => digits(rest).1,
        _ => return false,
    };
    let rest = match rest.split_first() {
        None => return true,
        Some((b'.', rest)) => match digits(rest) {
            (0, _) => return false,
            (_, rest) => rest,
        },
        Some(_) => rest,
    };
    match rest.split_first() {
        None => true,
        Some((b'e' | b'E', rest)) => {
            let rest = rest.strip_prefix(b"+").or_else(|| rest.strip_prefix(b"-")).unwrap_or(rest);
            matches!(digits(rest), (1.., []))
        }
        Some(_) => false,
    }
}

/// How many digits lead, and what follows them.
fn digits(bytes: &[u8]) -> (usize, &[u8]) {
    let count = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    (count, bytes.get(count..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::is_number;

    #[test]
    fn numbers_follow_the_grammar() {
        for good in ["0", "-0", "7", "10", "-12.50", "1e5", "1E+05", "0.0e-0", "123456789012345678901234567890"] {
            assert!(is_number(good.as_bytes()), "{good}");
        }
        for bad in
            ["", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "1.e1", "1.5.5", "0x10", "1_0", "--1", "1-", "NaN"]
        {
            assert!(!is_number(bad.as_bytes()), "{bad}");
        }
    }
}
