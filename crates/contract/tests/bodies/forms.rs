//! Forms and uploads.

use std::sync::Arc;

use testudo_contract::{Contract, Options, Unknown};

use crate::support::{check, lines, proven, with_body};

#[test]
fn forms_are_objects_of_their_schema() {
    let body = "{content: {application/x-www-form-urlencoded: {schema: {type: object, required: [name], properties: \
        {name: {type: string, maxLength: 5}, age: {type: integer, minimum: 18}, ok: {type: boolean}, tags: {type: array, items: {enum: [a, b]}}, \
        ids: {type: array, items: {type: integer}}, where: {type: object, properties: {x: {type: integer}}}}}, \
        encoding: {ids: {explode: false}}}}}";
    let contract = with_body(body, "{}");
    for (form, wrong) in [
        ("name=Ann&age=18&ok=true&tags=a&tags=b", ""),
        ("name=a+b%21", ""),
        ("name=", ""),
        ("age=18", "/name missing-field"),
        ("name=abcdef", "/name wrong-length"),
        ("name=a&age=17", "/age out-of-range"),
        ("name=a&age=1x", "/age wrong-type"),
        ("name=a&age=018", "/age wrong-type"),
        ("name=a&ok=yes", "/ok wrong-type"),
        ("name=a&name=b", "/name repeated-field"),
        ("name=a&tags=c", "/tags/0 not-listed"),
        ("name=a&ids=1,2,3", ""),
        ("name=a&ids=1,x", "/ids/1 wrong-type"),
        ("name=a&admin=1", "/admin unknown-field"),
        ("name=a&where=%7B%22x%22%3A1%7D", ""),
        ("name=a&where=%7B%22x%22%3A%22y%22%7D", "/where/x wrong-type"),
        ("name=a&where=%7B%22x%22", "/where malformed"),
        ("name=%zz", "malformed"),
        ("name=%ff", "malformed"),
        ("name=a&", ""),
    ] {
        let checked = check(&contract, "application/x-www-form-urlencoded", form.as_bytes(), Unknown::Refuse);
        assert_eq!(lines(&checked), wrong, "{form}");
    }
}

fn multipart(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, data) in parts {
        body.extend_from_slice(format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{data}\r\n").as_bytes());
    }
    body.extend_from_slice(b"--b--\r\n");
    body
}

#[test]
fn uploads_are_checked_by_type_and_content() {
    let body = "{content: {multipart/form-data: {schema: {type: object, required: [photo], properties: {title: {type: string, maxLength: 3}, count: {type: integer}, \
        photo: {type: string, format: binary}, meta: {type: object, properties: {w: {type: integer}}}, files: {type: array, maxItems: 2, items: {type: string, format: binary}}}}, \
        encoding: {photo: {contentType: 'image/png, image/jpeg'}, files: {contentType: 'application/pdf'}}}}}";
    let contract = with_body(body, "{}");
    let pdf = ("name=\"files\"; filename=\"a.pdf\"\r\nContent-Type: application/pdf", "%PDF-1.4");
    let only = |parts: &[(&str, &str)]| {
        lines(&check(&contract, "multipart/form-data; boundary=b", &multipart(parts), Unknown::Refuse))
    };
    assert_eq!(only(&[("name=\"title\"", "abc")]), "/photo missing-field");
    let svg = ("name=\"photo\"; filename=\"a.png\"\r\nContent-Type: image/svg+xml", "<svg/>");
    assert_eq!(only(&[svg]), "/photo content-mismatch");
    let with_photo = |kind: &str, content: &[u8], more: &[(&str, &str)]| {
        let mut body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a\"\r\nContent-Type: {kind}\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
        body.extend(multipart(more));
        lines(&check(&contract, "multipart/form-data; boundary=b", &body, Unknown::Refuse))
    };
    let png = b"\x89PNG\r\n\x1a\n\0\r\n--not";
    assert_eq!(with_photo("image/png", png, &[]), "");
    assert_eq!(with_photo("image/jpeg", png, &[]), "/photo content-mismatch");
    assert_eq!(with_photo("image/png", b"<?php x", &[]), "/photo content-mismatch");
    assert_eq!(with_photo("image/gif", b"GIF89a", &[]), "/photo content-mismatch");
    assert_eq!(with_photo("image/png", png, &[("name=\"title\"", "abcd")]), "/title wrong-length");
    assert_eq!(
        with_photo(
            "image/png",
            png,
            &[("name=\"count\"", "7"), ("name=\"meta\"\r\nContent-Type: application/json", "{\"w\":1}")]
        ),
        ""
    );
    assert_eq!(
        with_photo("image/png", png, &[("name=\"meta\"\r\nContent-Type: application/json", "{\"w\":\"1\"}")]),
        "/meta/w wrong-type"
    );
    assert_eq!(with_photo("image/png", png, &[pdf, pdf]), "");
    assert_eq!(with_photo("image/png", png, &[pdf, pdf, pdf]), "/files wrong-size");
    assert_eq!(with_photo("image/png", png, &[("name=\"x\"", "1")]), "/x unknown-field");
    assert_eq!(with_photo("image/png", png, &[("name=\"count\"; filename=\"c\"", "7")]), "/count wrong-type");
}

#[test]
fn fields_of_multipart_are_proven_and_broken_ones_refused() {
    let body = "{content: {multipart/form-data: {schema: {type: object, properties: {count: {type: integer}, e: {enum: [a]}}}}}}";
    let contract = with_body(body, "{}");
    let body = multipart(&[("name=\"count\"", "12"), ("name=\"e\"", "a")]);
    let checked = check(&contract, "multipart/form-data; boundary=b", &body, Unknown::Refuse);
    assert_eq!(proven(&checked, std::str::from_utf8(&body).unwrap()), ["12", "a"]);
    for (kind, body) in [
        ("multipart/form-data", &body[..]),
        ("multipart/form-data; boundary=b", &body[..20]),
        ("multipart/form-data; boundary=c", &body[..]),
    ] {
        assert_eq!(lines(&check(&contract, kind, body, Unknown::Refuse)), "malformed", "{kind}");
    }
}

#[test]
fn uploads_are_judged_as_they_flow() {
    let contract = Arc::new(with_body(
        "{content: {image/*: {}, application/json: {}, multipart/form-data: {schema: {type: object, properties: {t: {type: string}, photo: {type: string, format: binary}}}, \
         encoding: {photo: {contentType: image/png}}}}}",
        "{}",
    ));
    let route = &contract.routes()[0];
    let judge = |kind: &str, body: &[u8], step: usize| {
        let mut uploads = contract.uploads(route, Some(kind.as_bytes()), Options::default()).unwrap().unwrap();
        let pushed = body.chunks(step).try_for_each(|chunk| uploads.push(chunk));
        pushed.and_then(|()| uploads.finish()).err().map(|checked| lines(&checked)).unwrap_or_default()
    };
    let part = |name: &str, kind: &str, data: &[u8]| {
        let head = format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x\"\r\nContent-Type: {kind}\r\n\r\n"
        );
        [head.as_bytes(), data, b"\r\n--b--\r\n"].concat()
    };
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.resize(300_000, 7);
    let mut svg = b"<svg xmlns='x'>".to_vec();
    svg.resize(3_000, b' ');
    let script = [&svg[..], b"<script/></svg>"].concat();
    let long = [&svg[..], &vec![b' '; 70_000]].concat();
    let form = "multipart/form-data; boundary=b";
    for step in [1_000, 7, 100_000] {
        for (kind, body, said) in [
            (form, part("photo", "image/png", &png), ""),
            (form, part("photo", "image/jpeg", &png), "/photo content-mismatch"),
            (form, part("photo", "image/png", b"<html>"), "/photo content-mismatch"),
            (form, part("photo", "image/png", b""), ""),
            (form, part("other", "image/png", &png), "/* unknown-field"),
            (form, part("photo", "image/png", &png)[..100].to_vec(), "malformed"),
            ("image/png", png.clone(), ""),
            ("image/gif", png.clone(), "content-mismatch"),
            ("image/svg+xml", svg.clone(), ""),
            ("image/svg+xml", script.clone(), "content-mismatch"),
            ("image/svg+xml", long.clone(), "content-mismatch"),
        ] {
            assert_eq!(judge(kind, &body, step), said, "{kind} {step} {}", body.len());
        }
    }
    let begun = |kind: Option<&str>| match contract.uploads(route, kind.map(str::as_bytes), Options::default()) {
        Ok(uploads) => format!("judged: {}", uploads.is_some()),
        Err(checked) => lines(&checked),
    };
    assert_eq!(begun(Some("application/json")), "judged: false", "it is read as a whole");
    assert_eq!(begun(Some("video/mp4")), "wrong-media-type");
    assert_eq!(begun(None), "wrong-media-type");
    assert_eq!(begun(Some("multipart/form-data")), "malformed", "it has no boundary");
    let none = Arc::new(Contract::from_openapi("none", "{openapi: 3.1.0, info: {}, paths: {/x: {post: {}}}}").unwrap());
    let none = none.uploads(&none.routes()[0], Some(b"image/png"), Options::default());
    assert_eq!(none.map(|_| ()).map_err(|checked| lines(&checked)), Err("unexpected-body".to_owned()));
}
