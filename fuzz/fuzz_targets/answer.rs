//! Answers of HTTP/1.1 servers: no panic, no more content than came, and the same however the bytes were cut.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let (headless, size) = (first & 0x80 != 0, usize::from(first & 0x7f).max(1));
    let whole = testudo_gateway::read_answer(std::iter::once(bytes), headless);
    let cut = testudo_gateway::read_answer(bytes.chunks(size), headless);
    assert_eq!(whole, cut);
    if let Ok((length, _)) = whole {
        assert!(length <= bytes.len() as u64);
    }
});
