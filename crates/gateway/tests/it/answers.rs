//! Answers of servers, damaged: the fuzz target `answer` on stable.

#[path = "../../../../fuzz/replay.rs"]
mod seeds;

/// What the fuzz target checks.
pub fn answer(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else { return };
    let (headless, size) = (first & 0x80 != 0, usize::from(first & 0x7f).max(1));
    let whole = testudo_gateway::read_answer(std::iter::once(bytes), headless);
    let cut = testudo_gateway::read_answer(bytes.chunks(size), headless);
    assert_eq!(whole, cut);
    if let Ok((length, _)) = whole {
        assert!(length <= bytes.len() as u64);
    }
}

#[test]
fn damaged_answers_are_read_the_same_however_they_are_cut() {
    let tokens: [&[u8]; 18] = [
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b": ",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.1 100 C\r\n\r\n",
        b"HTTP/1.1 304 N\r\n",
        b"content-length: 4\r\n",
        b"content-length: 5\r\n",
        b"transfer-encoding: chunked\r\n",
        b"transfer-encoding: gzip\r\n",
        b"connection: close\r\n",
        b"0\r\n\r\n",
        b"4\r\nfine\r\n",
        b"ffffffffffffffff\r\n",
        b";x=y",
    ];
    seeds::replay("answer", &tokens, answer);
}
