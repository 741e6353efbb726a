//! Replays mutated seeds through the fuzz targets, on stable and the same at each run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs, reason = "test code")]

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

fn replay(seeds: &[&str], tokens: &[&str], target: impl Fn(&[u8])) {
    let mut numbers = Numbers(1);
    for seed in seeds {
        target(seed.as_bytes());
        for _ in 0..MUTANTS {
            let mut data = seed.as_bytes().to_vec();
            for _ in 0..=numbers.below(4) {
                let at = numbers.below(data.len() + 1);
                match numbers.below(5) {
                    0 => drop(data.drain(at..data.len().min(at + numbers.below(20)))),
                    1 if at < data.len() => data[at] ^= 1 << numbers.below(7),
                    2 => {
                        let copied = data[at..data.len().min(at + numbers.below(60))].to_vec();
                        data.splice(at..at, copied);
                    }
                    _ => {
                        let token = tokens[numbers.below(tokens.len())];
                        let end = data.len().min(at + numbers.below(3));
                        data.splice(at..end, token.bytes());
                    }
                }
            }
            target(&data);
        }
    }
}

#[test]
fn openapi() {
    let seeds = [
        include_str!("fixtures/clinic-3.0.yaml"),
        include_str!("fixtures/clinic-3.1.yaml"),
        include_str!("fixtures/wrong/many.yaml"),
        include_str!("fixtures/wrong/old.yaml"),
        include_str!("fixtures/wrong/twins.json"),
        "openapi: 3.1.0\ninfo: {}\npaths: {/a/{x}b{y}: {get: {parameters: [{$ref: '#/x-p'}, {$ref: '#/x-q'}]}}}\n\
         x-p: {name: x, in: path, required: true, schema: true}\nx-q: {name: y, in: path, required: true, schema: {}}\n",
    ];
    let tokens = [
        "{",
        "}",
        "[",
        "]",
        ": ",
        "- ",
        "\n",
        "&a ",
        "*a",
        "!!str ",
        "null",
        "3.0.0",
        "$ref",
        "'#/components/schemas/Visit'",
        "{x}",
        "/",
        "%2f",
        "allOf",
        "type",
        "0",
        "\u{2028}",
        "é",
        "\"",
        "\\ud800",
        "? ",
        "|",
        "--- ",
        "x-testudo",
    ];
    replay(&seeds, &tokens, targets::openapi);
}

#[test]
fn router() {
    let seeds = [
        "/",
        "/a/",
        "/a/b",
        "/a/7",
        "/a/7/c",
        "/a/v1.json",
        "/a/7?q=true",
        "/assets/x/y.js",
        "/health",
        "/assets/%C3%A9",
        "/a/%37/%63",
        "/assets/../health",
        "/assets/%2e%2e%2fhealth",
        "/a/..;/b",
        "/a/%252e",
        "/assets/*",
    ];
    let tokens = [
        "/",
        "//",
        ".",
        "..",
        "%2e",
        "%2F",
        "%5c",
        "%00",
        "%25",
        "%252e",
        "%c0%af",
        "%EF%BF%BD",
        ";",
        "\\",
        "é",
        "?",
        "#",
        "%",
        "x",
        "*",
        "a",
        "assets",
        "health",
        " ",
        "%20",
        "\u{0}",
        "q=true&",
        "+",
    ];
    replay(&seeds, &tokens, targets::router);
}

#[test]
fn body() {
    let seeds = [
        "application/json\n{\"k\":\"a\",\"n\":4,\"s\":\"abé\",\"u\":\"3f2504e0-4f89-11d3-9a0c-0305e82c3301\",\"d\":\"2026-01-02T03:04:05.6Z\",\"l\":[1,2.5,-3e2]}",
        "application/json\n{\"k\":\"b\",\"o\":[{\"k\":\"a\"},{\"k\":\"b\",\"o\":{\"k\":\"a\",\"o\":null}}],\"m\":{\"x\":true,\"y\":{\"kind\":\"Cat\",\"lives\":9}}}",
        "application/json; charset=utf-8\n{\"k\":\"a\",\"p\":{\"kind\":\"Dog\",\"bark\":true}}",
        "application/x-ndjson\n{\"k\":\"a\"}\n{\"k\":\"b\",\"n\":2}\n",
        "application/x-www-form-urlencoded\nk=a&n=4&s=ab%C3%A9&l=1,2,3&o=%7B%22k%22%3A%22a%22%7D",
        "multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name=\"k\"\r\n\r\na\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\nContent-Type: image/png\r\n\r\n\u{0}PNG\r\n--b--\r\n",
        "application/xml\n<a b='c'>d</a>",
        "image/svg+xml\n<svg xmlns='x'><g onload='1'/></svg>",
    ];
    let tokens = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\u0061",
        "\"k\":",
        "\"o\":",
        "\"a\"",
        "null",
        "true",
        "-1",
        "1e5",
        "0.1",
        "99999999999999999999",
        "1e400",
        "&",
        "=",
        "%2",
        "k=a",
        "--b\r\n",
        "--b--",
        "\r\n\r\n",
        "\n",
        "application/json",
        "é",
        "\u{0}",
        "\"kind\":\"Cat\"",
        "<script>",
        "{\"o\":{\"o\":{\"o\":",
    ];
    replay(&seeds, &tokens, targets::body);
}
