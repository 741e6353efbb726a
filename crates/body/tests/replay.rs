//! Replays mutated seeds through the fuzz targets, on stable and the same at each run.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs, reason = "test code")]

#[path = "replay/targets.rs"]
mod targets;

const MUTANTS: usize = 600;

/// `SplitMix64`: fixed seed, so that a failure repeats.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit.max(1) as u64).unwrap()
    }
}

fn replay(seeds: &[&str], tokens: &[&[u8]], target: impl Fn(&[u8])) {
    let mut numbers = Numbers(1);
    for seed in seeds {
        for mutant in 0..MUTANTS {
            let mut data = vec![u8::try_from(numbers.below(256)).unwrap()];
            data.extend_from_slice(seed.as_bytes());
            for _ in 0..if mutant == 0 { 0 } else { 1 + numbers.below(4) } {
                let at = 1 + numbers.below(data.len());
                match numbers.below(5) {
                    0 => drop(data.drain(at..data.len().min(at + numbers.below(20)))),
                    1 if at < data.len() => data[at] ^= 1 << numbers.below(8),
                    2 => {
                        let copied = data[at..data.len().min(at + numbers.below(60))].to_vec();
                        data.splice(at..at, copied);
                    }
                    _ => {
                        let token = tokens[numbers.below(tokens.len())];
                        let end = data.len().min(at + numbers.below(3));
                        data.splice(at..end, token.iter().copied());
                    }
                }
            }
            target(&data);
        }
    }
}

const JSON: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\u",
    b"\\ud83d",
    b"\\ude00",
    b"\\u0000",
    b"\n",
    b"\r\n",
    b" ",
    b"true",
    b"null",
    b"-",
    b"0",
    b"1e5",
    b".5",
    b"\x00",
    b"\x1f",
    b"\xc3\xa9",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xf4\x90",
    b"\xef\xbb\xbf",
    b"\"a\":",
    b"[[[[[[[[",
    b"99999999999999999999",
];

#[test]
fn json() {
    let seeds = [
        r#"{"a":[1,-2.5e+3,"x\n\u00e9\ud83d\ude00",{"b":null,"b":true}],"":false}"#,
        "[\"é\", \"\u{10ffff}\", [ ], { } ]",
        "{\"pan\":\"4111111111111111\"}\n[1]\r\n\n\"x\"",
        "1234567890",
        "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]",
    ];
    replay(&seeds, JSON, targets::json);
}

#[test]
fn events() {
    let seeds = ["data: {}\n\ndata:1\r\n\r\n: x\rid\r\revent: e\ndata: a\ndata: b\n\n", "\u{feff}data\n\nretry: 1"];
    let tokens: &[&[u8]] =
        &[b"\n", b"\r", b"\r\n", b"\n\n", b":", b": ", b"data", b"data: ", b"\xef\xbb\xbf", b"\xff", b"{}"];
    replay(&seeds, tokens, targets::events);
}

#[test]
fn form() {
    let seeds = ["a=1&b=%41+x&&c;d==&%zz=%", "", "a", "name=value;name=value", "&&=&=&"];
    let tokens: &[&[u8]] = &[b"&", b";", b"=", b"%", b"%41", b"+", b"\xff", b"aaaaaaaaaa", b"%4"];
    replay(&seeds, tokens, targets::form);
}

#[test]
fn multipart() {
    let seeds = [
        concat!(
            "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n\n2\r\n--b\r\n",
            "Content-Disposition: form-data;\r\n name=f; filename=\"x\"; filename*=UTF-8''%78\r\nA: b\r\n\r\n--x\r\n--b--\r\n",
        ),
        "--b\nContent-Disposition: form-data; name='a'\n\n\n--b--",
        "x\r\n--b\r\n\r\n--b--\r\ny",
        "multipart/form-data; boundary=\"a b\"",
        "multipart/form-data ;boundary =x; charset=UTF-8",
    ];
    let tokens: &[&[u8]] = &[
        b"--b",
        b"--b\r\n",
        b"--b--\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"-",
        b"\"",
        b"'",
        b"\\",
        b";",
        b"=",
        b":",
        b"%",
        b" ",
        b"\x0b",
        b"\0",
        b"name=",
        b"filename=",
        b"filename*=",
        b"boundary",
        b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ];
    replay(&seeds, tokens, targets::multipart);
}

#[test]
fn xml() {
    let seeds = [
        "<?xml version='1.0' encoding='utf-8'?>\n<!DOCTYPE a [<!ENTITY x '>'>]><a b='1 &lt; 2'><!-- c --><b/>x &amp; y</a>",
        "<a><![CDATA[<&]]]]>\r\n&#x41;&#66;é<?p i?></a >\n",
        "<?xml version='1.0' encoding='iso-8859-1'?><n:a xmlns:n=\"u\"></n:a>",
        "\u{feff}<a/>",
        "<a><b><c><d/></c></b></a>",
    ];
    let tokens: &[&[u8]] = &[
        b"<",
        b">",
        b"/>",
        b"</",
        b"<a>",
        b"</a>",
        b"<b/>",
        b" c='1'",
        b"'",
        b"\"",
        b"=",
        b"&",
        b";",
        b"&#",
        b"&#x41;",
        b"&x;",
        b"]",
        b"]]>",
        b"<![CDATA[",
        b"<!--",
        b"-->",
        b"--",
        b"<?",
        b"?>",
        b"<!DOCTYPE a [",
        b"\r",
        b"\n",
        b"\0",
        b"\xff",
        b"\xc3",
        b"\xe9",
        b"\xef\xbf\xbe",
        b"\xef\xbb\xbf",
    ];
    replay(&seeds, tokens, targets::xml);
}
