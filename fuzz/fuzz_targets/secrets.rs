//! The secrets scanner: any bytes in every form, and as a name. No panic, and spans stay inside.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use testudo_scan::secrets::{Form, Piece, Scanner};

fuzz_target!(|data: &[u8]| {
    static SCANNER: OnceLock<Scanner> = OnceLock::new();
    let scanner = SCANNER.get_or_init(|| Scanner::builtin().expect("the built-in kinds compile").with_placeholders());
    let name = String::from_utf8_lossy(data.get(..data.len().min(64)).unwrap_or_default());
    for form in [Form::Value, Form::Text, Form::Binary] {
        for found in scanner.scan(&Piece { bytes: data, name: Some(&name), form }).matches {
            assert!(found.span.start <= found.span.end && found.span.end <= data.len());
        }
    }
});
