//! The page holds nothing that a package could have put there but text: read back with a tokenizer of our own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod report_support;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use report_support::{HOSTILE, hostile, judged};
use testudo_scan::report::exit::FailOn;
use testudo_scan::report::{Report, html};

const OPTIONS: html::Options = html::Options { fail_on: FailOn(None) };

/// What a page is made of: its start tags with attributes, and its text.
#[derive(Default, Debug)]
struct Page {
    tags: Vec<(String, Vec<(String, String)>)>,
    text: String,
    style: String,
}

/// Reads as browsers do where it matters: a `<` before a letter begins a tag wherever it stands, `>` ends it unless a
/// quote is open. The style sheet is raw text to its end tag.
fn read(html: &str) -> Page {
    let mut page = Page::default();
    let mut open: Vec<String> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        page.text.push_str(&unescape(&rest[..at]));
        let inside = &rest[at + 1..];
        let mut quote = None;
        let end = inside
            .char_indices()
            .find(|(_, character)| match (quote, *character) {
                (None, '"' | '\'') => {
                    quote = Some(*character);
                    false
                }
                (Some(open), character) if open == character => {
                    quote = None;
                    false
                }
                (None, '>') => true,
                _ => false,
            })
            .unwrap_or_else(|| panic!("a tag does not end: {}", &inside[..inside.len().min(80)]))
            .0;
        let tag = &inside[..end];
        rest = &inside[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "the end tags nest");
            continue;
        }
        if tag.starts_with('!') {
            assert_eq!(tag, "!DOCTYPE html");
            continue;
        }
        let name: String = tag.chars().take_while(|character| !character.is_whitespace()).collect();
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "an element is named {name:?}");
        page.tags.push((name.clone(), attributes(&tag[name.len()..])));
        if name == "style" {
            let (style, after) = rest.split_once("</style>").unwrap();
            page.style.push_str(style);
            rest = after;
        } else if name != "meta" {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} is left open");
    page.text.push_str(&unescape(rest));
    page
}

fn attributes(mut text: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return all;
        }
        let (name, after) = text.split_once("=\"").unwrap_or_else(|| panic!("an attribute without value: {text:?}"));
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "an attribute is {name:?}");
        let (value, after) = after.split_once('"').unwrap();
        all.push((name.to_owned(), unescape(value)));
        text = after;
    }
}

fn unescape(text: &str) -> String {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#96;", "`"), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The elements with the names of their attributes, each once.
fn shape(page: &Page) -> BTreeSet<(String, Vec<String>)> {
    page.tags
        .iter()
        .map(|(name, attributes)| (name.clone(), attributes.iter().map(|(name, _)| name.clone()).collect()))
        .collect()
}

fn check(report: &Report, ours: &BTreeSet<(String, Vec<String>)>) -> Page {
    let page = read(&html::write(report, &OPTIONS));
    let theirs = shape(&page);
    let strange: Vec<_> = theirs.difference(ours).collect();
    assert!(strange.is_empty(), "elements that no page of ours has: {strange:?}");
    for (name, attributes) in &page.tags {
        for (attribute, value) in attributes {
            assert!(!attribute.starts_with("on") && attribute != "style" && attribute != "src", "{name} {attribute}");
            if attribute == "href" {
                assert!(value.starts_with("https://") || value.starts_with('#'), "{value}");
            }
        }
    }
    page
}

/// All elements that a page can have: those of the example and of a hostile report with a harmless string.
fn ours() -> BTreeSet<(String, Vec<String>)> {
    let example = read(&html::write(&judged(), &OPTIONS));
    let plain = read(&html::write(&hostile("plain"), &OPTIONS));
    shape(&example).union(&shape(&plain)).cloned().collect()
}

#[test]
fn hostile_strings_stay_text() {
    let ours = ours();
    for text in HOSTILE {
        let report = hostile(text);
        let page = check(&report, &ours);
        // What is visible of it arrives as it is.
        if text.chars().all(|character| character.is_ascii_graphic() || character == ' ') {
            assert!(page.text.contains(text), "{text:?} is not on the page");
        }
    }
}

#[test]
fn the_page_asks_for_nothing() {
    let text = html::write(&judged(), &OPTIONS);
    let page = read(&text);
    let forbidden =
        ["script", "link", "img", "iframe", "object", "embed", "base", "form", "input", "video", "audio", "use"];
    let found: Vec<_> = page.tags.iter().filter(|(name, _)| forbidden.contains(&name.as_str())).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(!page.style.contains("url(") && !page.style.contains("@import"));
    let policy =
        page.tags.iter().flat_map(|(_, attributes)| attributes).find(|(_, value)| value.contains("default-src"));
    let (_, policy) = policy.expect("a content security policy");
    let digest = testudo_crypto::digest::sha256(page.style.as_bytes());
    let hash = data_encoding::BASE64.encode(&digest);
    assert_eq!(*policy, format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"));
}

#[test]
fn the_page_can_be_read_aloud() {
    let page = read(&html::write(&judged(), &OPTIONS));
    let with = |name: &str| page.tags.iter().filter(|(other, _)| other == name).collect::<Vec<_>>();
    let value = |attributes: &[(String, String)], name: &str| {
        attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    };
    assert_eq!(value(&with("html")[0].1, "lang").as_deref(), Some("en"));
    assert_eq!(with("h1").len(), 1);
    assert_eq!(with("main").len(), 1);
    let ids: Vec<String> = page.tags.iter().filter_map(|(_, attributes)| value(attributes, "id")).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id is there twice");
    for (name, attributes) in &page.tags {
        let points = value(attributes, "aria-labelledby");
        let jumps = value(attributes, "href").and_then(|href| href.strip_prefix('#').map(str::to_owned));
        for id in points.into_iter().chain(jumps) {
            assert!(ids.contains(&id), "{name} points to #{id}, which is not there");
        }
    }
    assert_eq!(value(&with("svg")[0].1, "role").as_deref(), Some("img"));
    // No heading is more than one deeper than the one before it.
    let levels = page.tags.iter().filter_map(|(name, _)| name.strip_prefix('h')?.parse::<u32>().ok());
    let levels: Vec<u32> = levels.collect();
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    assert!(with("th").iter().all(|(_, attributes)| value(attributes, "scope").is_some()));
}

/// Text and background of the style sheet, as WCAG 2.2 counts contrast: 4.5 for text.
#[test]
fn colours_can_be_read() {
    let page = read(&html::write(&judged(), &OPTIONS));
    let (light, dark) = page.style.split_once("prefers-color-scheme: dark").unwrap();
    for (theme, sheet) in [("light", light), ("dark", dark)] {
        let color = |name: &str| {
            let at = sheet.find(&format!("--{name}: #")).unwrap_or_else(|| panic!("no {name} in {theme}"));
            let digits = &sheet[at + name.len() + 5..at + name.len() + 11];
            u32::from_str_radix(digits, 16).unwrap()
        };
        let severities = ["critical", "high", "medium", "low", "info"];
        let on_solid = severities.iter().map(|severity| ("on", *severity));
        let as_text = severities.iter().map(|severity| (*severity, "card"));
        let others = [
            ("ink", "paper"),
            ("ink", "card"),
            ("soft", "paper"),
            ("soft", "card"),
            ("soft", "plain"),
            ("ink", "code"),
        ];
        let verdicts =
            [("passed", "passed-tint"), ("failed", "failed-tint"), ("accent", "card"), ("ink", "alert-tint")];
        for (ink, ground) in on_solid.chain(as_text).chain(others).chain(verdicts) {
            let ratio = contrast(color(ink), color(ground));
            assert!(ratio >= 4.5, "{ink} on {ground} has {ratio:.2} in the {theme} theme");
        }
    }
}

fn contrast(one: u32, other: u32) -> f64 {
    let luminance = |color: u32| {
        let channel = |shift: u32| {
            let value = f64::from((color >> shift) & 255) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Pieces that make markup when they come together.
fn piece() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "<",
        ">",
        "\"",
        "'",
        "&",
        "`",
        "/",
        "=",
        "!--",
        "-->",
        "script",
        "onload",
        "</style>",
        "<![CDATA[",
        "]]>",
        "\u{0}",
        "\r\n",
        "\u{b}",
        "\u{1b}[31m",
        "\u{202e}",
        "&#x3c;",
        "javascript:",
        "svg",
        " ",
    ]);
    prop::collection::vec(prop_oneof![special.prop_map(str::to_owned), any::<String>()], 1..6)
        .prop_map(|all| all.concat())
}

static OURS: LazyLock<BTreeSet<(String, Vec<String>)>> = LazyLock::new(ours);

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_string_stays_text(text in piece()) {
        check(&hostile(&text), &OURS);
    }
}
