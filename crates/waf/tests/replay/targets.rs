//! What the fuzz targets check; `tests/replay.rs` runs the same on stable.

use testudo_waf::sqli::{self, Dialect, Lexer, Quote};
use testudo_waf::xss::{self, Context, Html};

/// Tokens are few and lie within the input, and a finding is a fingerprint whose case does not matter.
pub fn sqli(data: &[u8]) {
    for quote in [Quote::None, Quote::Single, Quote::Double] {
        for dialect in [Dialect::Standard, Dialect::MySql] {
            let tokens = Lexer::new(data, quote, dialect).map(|token| token.text.len());
            let (count, bytes) = tokens.fold((0, 0), |(count, bytes), len| (count + 1, bytes + len));
            assert!(count <= data.len() && bytes <= data.len());
            assert!(sqli::fold(&mut Lexer::new(data, quote, dialect)).tokens().len() <= 6);
        }
    }
    let found = sqli::detect(data);
    assert!(found.is_none_or(|found| (1..=5).contains(&found.len()) && found.is_ascii()));
}

/// Tokens lie within the input one after another, and what has neither `<` nor `=` is harmless.
pub fn xss(data: &[u8]) {
    let contexts = [Context::Text, Context::Tag, Context::SingleQuoted, Context::DoubleQuoted, Context::BackQuoted];
    for context in contexts {
        let mut at = data.as_ptr().addr();
        for token in Html::new(data, context) {
            let start = token.text.as_ptr().addr();
            assert!(start >= at && start + token.text.len() <= data.as_ptr().addr() + data.len());
            at = start + token.text.len();
        }
    }
    assert!(!xss::detect(data) || data.iter().any(|byte| matches!(byte, b'<' | b'=')));
}
