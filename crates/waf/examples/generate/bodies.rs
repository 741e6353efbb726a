//! Bodies by their types, now and then broken.

use crate::Dice;
use crate::encode::{form, json, xml};
use crate::pieces::{name, value, word};

/// A form or query.
pub fn fields(dice: &mut Dice, hostile: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for number in 0..=dice.below(5) {
        if number > 0 {
            out.push(b'&');
        }
        let (name, value) = (name(dice, hostile), value(dice, hostile));
        out.extend(form(dice, &name));
        if dice.percent(97) {
            out.push(b'=');
            // Some values come as they are.
            out.extend(if hostile && dice.percent(8) { raw(&value) } else { form(dice, &value) });
        }
    }
    out
}

/// What can stand in a request line.
fn raw(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|byte| *byte > b' ' && *byte != b'#').collect()
}

fn object(dice: &mut Dice, hostile: bool, depth: usize) -> Vec<u8> {
    let mut out = vec![b'{'];
    for number in 0..dice.below(5) + usize::from(depth == 0) {
        if number > 0 {
            out.push(b',');
        }
        let name = name(dice, hostile);
        out.extend(json(dice, &name));
        out.push(b':');
        out.extend(member(dice, hostile, depth + 1));
    }
    out.push(b'}');
    out
}

fn member(dice: &mut Dice, hostile: bool, depth: usize) -> Vec<u8> {
    match dice.below(if depth < 3 { 10 } else { 8 }) {
        0..=4 => {
            let value = value(dice, hostile);
            json(dice, &value)
        }
        5 | 6 => dice.below(100_000).to_string().into_bytes(),
        7 => dice.pick(&["true", "false", "null", "1.5e3", "-0.25"]).as_bytes().to_vec(),
        8 => {
            let items: Vec<Vec<u8>> = (0..dice.below(4)).map(|_| member(dice, hostile, depth + 1)).collect();
            [b"[".as_slice(), &items.join(&b','), b"]"].concat()
        }
        _ => object(dice, hostile, depth),
    }
}

fn element(dice: &mut Dice, hostile: bool, depth: usize) -> Vec<u8> {
    const TAGS: &[&str] = &["order", "item", "name", "note", "soap:Body", "price", "a", "data"];
    let tag = dice.pick(TAGS);
    let mut out = format!("<{tag}").into_bytes();
    if dice.percent(30) {
        out.extend(format!(" {}=\"", dice.pick(&["id", "kind", "href"])).bytes());
        out.extend(xml(&value(dice, hostile)));
        out.push(b'"');
    }
    out.push(b'>');
    match dice.below(if depth < 3 { 6 } else { 3 }) {
        0 | 1 => out.extend(xml(&value(dice, hostile))),
        2 => {
            let text = value(dice, hostile);
            if !text.windows(3).any(|three| three == b"]]>") {
                out.extend([b"<![CDATA[".as_slice(), &text, b"]]>"].concat());
            }
        }
        _ => (0..=dice.below(3)).for_each(|_| out.extend(element(dice, hostile, depth + 1))),
    }
    out.extend(format!("</{tag}>").bytes());
    out
}

fn parts(dice: &mut Dice, hostile: bool, boundary: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..=dice.below(4) {
        out.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"").bytes());
        out.extend(quoted(&name(dice, hostile)));
        out.push(b'"');
        if dice.percent(35) {
            out.extend(b"; filename=\"");
            let stem =
                if hostile && dice.percent(30) { quoted(&value(dice, true)) } else { word(dice).bytes().collect() };
            out.extend(stem);
            out.extend(dice.pick(&[".png\"", ".txt\"", ".php\"", ".pdf\"", "\""]).bytes());
            out.extend(b"\r\nContent-Type: ");
            out.extend(dice.pick(&["image/png", "text/plain", "application/pdf", "application/octet-stream"]).bytes());
        }
        out.extend(b"\r\n\r\n");
        out.extend(value(dice, hostile).into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
        out.extend(b"\r\n");
    }
    out.extend(format!("--{boundary}--\r\n").bytes());
    out
}

/// What can stand between quotes in a header.
fn quoted(value: &[u8]) -> Vec<u8> {
    value.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n' | b'"' | b'\\')).collect()
}

/// A body with its type.
pub fn body(dice: &mut Dice, hostile: bool) -> (String, Vec<u8>) {
    let (kind, mut body) = match dice.below(20) {
        0..=6 => ("application/x-www-form-urlencoded".to_owned(), fields(dice, hostile)),
        7..=12 => {
            let body = if dice.percent(95) { object(dice, hostile, 0) } else { member(dice, hostile, 1) };
            (dice.pick(&["application/json", "application/json", "application/json; charset=utf-8"]).to_owned(), body)
        }
        13..=15 => {
            let head = dice.pick(&["<?xml version=\"1.0\"?>", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", ""]);
            let body = [head.as_bytes(), &element(dice, hostile, 0)].concat();
            (dice.pick(&["application/xml", "text/xml", "application/soap+xml; charset=utf-8"]).to_owned(), body)
        }
        16 | 17 => {
            let boundary = format!("----Form{:x}", dice.below(1 << 40));
            (format!("multipart/form-data; boundary={boundary}"), parts(dice, hostile, &boundary))
        }
        18 => ("text/plain".to_owned(), value(dice, hostile)),
        _ => (
            dice.pick(&["application/octet-stream", "text/html", "application/vnd.api+json"]).to_owned(),
            value(dice, hostile),
        ),
    };
    if hostile && dice.is_dense() && dice.percent(5) && !body.is_empty() {
        let at = dice.below(body.len());
        match dice.below(3) {
            0 => body.truncate(at),
            1 => drop(body.remove(at)),
            _ => body.insert(at, *dice.pick(&[b"\"", b"<", b"-", b"\n", b"\xfe"]).first().unwrap()),
        }
    }
    (kind, body)
}
