//! Tests of the reader of XML: tables, limits, and that every way to cut an input gives the same tokens.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// What a reader said, however the input was cut: one token per line, with pieces of text joined.
fn read_with(limits: Limits, chunks: &[&[u8]]) -> (String, Option<XmlError>) {
    let mut said = String::new();
    let whole = chunks.concat();
    let mut text_end = None;
    let mut give = |token: &Token<'_>| {
        if let Token::Text(text) = token {
            assert_eq!(&whole[text.span.start..text.span.end], text.raw);
            let goes_on = text_end == Some((text.span.start, text.kind));
            text_end = Some((text.span.end, text.kind));
            let start = if goes_on { String::new() } else { format!("\n{:?} ", text.kind) };
            write!(said, "{start}{}", String::from_utf8_lossy(&text.decode())).unwrap();
            return Ok::<(), ()>(());
        }
        text_end = None;
        let show = String::from_utf8_lossy;
        match token {
            Token::Doctype(span) => write!(said, "\ndoctype {}..{}", span.start, span.end),
            Token::BeginElement { name, depth, span } => {
                write!(said, "\n<{} {depth} {}..{}", show(name), span.start, span.end)
            }
            Token::Attribute { name, value, namespace } => {
                assert_eq!(&whole[value.span.start..value.span.end], value.raw);
                write!(said, "\n@{}={} {namespace}", show(name), show(&value.decode()))
            }
            Token::EndElement(at) => write!(said, "\n> {at}"),
            Token::Text(_) => Ok(()),
        }
        .unwrap();
        Ok(())
    };
    let mut reader = Reader::new(limits);
    let pushed = chunks.iter().try_for_each(|chunk| reader.push(chunk, &mut give));
    match pushed.and_then(|()| reader.finish(&mut give)) {
        Ok(()) => (said, None),
        // How much of the last text was handed out depends on the cut.
        Err(Halt::Xml(error)) => (String::new(), Some(error)),
        Err(Halt::Visitor(())) => unreachable!("the visitor never stops"),
    }
}

fn read(input: &str) -> String {
    let (said, error) = read_with(Limits::REQUEST, &[input.as_bytes()]);
    assert_eq!(error, None, "{input}");
    said
}

fn refused(input: &[u8]) -> String {
    read_with(Limits::REQUEST, &[input]).1.map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn documents_are_read_in_order() {
    let said = read(concat!(
        "\u{feff}<?xml version='1.0' encoding=\"utf-8\" standalone='no' ?>\n<!-- c - > --><?p i?>\n",
        "<!DOCTYPE a [<!ENTITY x '>'><!-- ]> ' -->]>\n",
        "<a xmlns:n='u' b = \"1\t&quot;\r\n2\"><n:b/>x &amp; y\r\n&#x41;&#66;<![CDATA[<&amp;]]]]><!-- c --><c\n>é</c ></a>\n<!---->",
    ));
    let expected = "
doctype 81..124
<a 1 125..158
@xmlns:n=u true
@b=1 \" 2 false
<n:b 2 158..164
> 164
Plain x & y
AB
Section <&amp;]]
<c 2 216..220
Plain é
> 227
> 231";
    assert_eq!(said, expected);
}

#[test]
fn latin_1_becomes_utf_8() {
    let (said, error) =
        read_with(Limits::REQUEST, &[b"<?xml version='1.0' encoding='ISO-8859-1'?><a b='\xe9'>\xfc</a>"]);
    assert_eq!((said.as_str(), error), ("\n<a 1 43..52\n@b=é false\nPlain ü\n> 57", None));
}

#[test]
fn malformed_documents_are_refused_with_their_place() {
    for (input, expected) in [
        ("", "line 1, byte 0: there is no element"),
        ("<!-- -->", "line 1, byte 8: there is no element"),
        ("x", "line 1, byte 0: text before the root element"),
        ("<a/>\nx", "line 2, byte 5: something follows the root element"),
        ("<a/><b/>", "line 1, byte 4: something follows the root element"),
        ("<a>", "line 1, byte 3: the input ends before the document does"),
        ("<a", "line 1, byte 2: the input ends before the document does"),
        ("<a><![CDATA[x]]", "line 1, byte 15: the input ends before the document does"),
        ("<a></b>", "line 1, byte 3: a closing tag that does not match"),
        ("</a>", "line 1, byte 0: a closing tag that does not match"),
        ("<a b='1' b='2'/>", "line 1, byte 12: an attribute comes twice"),
        ("<a>\n&x;</a>", "line 2, byte 4: an entity that is not predefined"),
        ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "line 1, byte 33: an entity that is not predefined"),
        ("<a>a & b</a>", "line 1, byte 5: a malformed reference: write `&` as `&amp;`"),
        ("<a>&#0;</a>", "line 1, byte 3: a character that XML does not allow"),
        ("<a>&#xD800;</a>", "line 1, byte 3: a malformed reference: write `&` as `&amp;`"),
        ("<a>\u{1}</a>", "line 1, byte 3: a character that XML does not allow"),
        ("<a>\u{fffe}</a>", "line 1, byte 3: a character that XML does not allow"),
        ("<a>]]></a>", "line 1, byte 3: `]]>` in text: write `>` as `&gt;`"),
        (
            "<?xml version='1.0' encoding='utf-16'?><a/>",
            "line 1, byte 0: an encoding other than UTF-8, US-ASCII and Latin-1",
        ),
        ("<a b=1/>", "line 1, byte 5: malformed markup: expected quotes around an attribute's value"),
        ("<a b='<'/>", "line 1, byte 6: malformed markup: expected no `<` in a value: write it as `&lt;`"),
        ("<a b/>", "line 1, byte 4: malformed markup: expected `=` behind an attribute's name"),
        ("<a b='1'c='2'/>", "line 1, byte 8: malformed markup: expected white space, `>` or `/>`"),
        ("<a><1/></a>", "line 1, byte 3: malformed markup: expected a name behind `<`: write `<` as `&lt;`"),
        ("<a><!-- -- --></a>", "line 1, byte 8: malformed markup: expected no `--` in a comment"),
        (
            " <?xml version='1.0'?><a/>",
            "line 1, byte 1: malformed markup: expected the XML declaration at the very beginning only",
        ),
        ("<?xml version='2.0'?><a/>", "line 1, byte 0: malformed markup: expected an XML declaration"),
        (
            "<a><!DOCTYPE a></a>",
            "line 1, byte 3: malformed markup: expected one document type, before the root element",
        ),
    ] {
        assert_eq!(refused(input.as_bytes()), expected, "{input}");
    }
    assert_eq!(refused(b"<a>\xff</a>"), "line 1, byte 3: a character that XML does not allow");
    assert!(refused(b"\xff\xfe<\0a\0").contains("encoding"));
}

#[test]
fn limits_are_kept() {
    let limits = Limits { total: 60, depth: 2, elements: 4, attributes: 2, markup: 20 };
    let refused = |input: &str| read_with(limits, &[input.as_bytes()]).1.unwrap().to_string();
    assert_eq!(refused("<a><b><c/></b></a>"), "line 1, byte 6: more than 2 levels of elements");
    assert_eq!(refused("<a><b/><b/><b/><b/></a>"), "line 1, byte 15: more than 4 elements");
    assert_eq!(refused("<a b='' c='' d=''/>"), "line 1, byte 0: more than 2 attributes of an element");
    assert_eq!(
        refused("<a><b c='0123456789012'/></a>"),
        "line 1, byte 23: more than 20 bytes in a tag or other markup"
    );
    assert_eq!(refused(&format!("<a>{}</a>", "x".repeat(60))), "line 1, byte 60: more than 60 bytes");
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<a>"),
        Just("</a>"),
        Just("<a b='1&lt;'>"),
        Just("<b/>"),
        Just("x"),
        Just("é"),
        Just("\u{fffe}"),
        Just("&amp;"),
        Just("&#10;"),
        Just("&"),
        Just("]"),
        Just(">"),
        Just("\r"),
        Just("\n"),
        Just("<![CDATA["),
        Just("]]>"),
        Just("<!--"),
        Just("-->"),
        Just("-"),
        Just("<?p"),
        Just("?>"),
        Just("<!DOCTYPE a ["),
        Just("'"),
        Just("<"),
    ];
    let noise = proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat());
    (0..4, noise).prop_map(|(kind, noise)| match kind {
        0 => noise,
        1 => format!("<?xml version='1.0'?>{noise}"),
        _ => format!("<a>{noise}</a>"),
    })
}

proptest! {
    #[test]
    fn every_cut_gives_the_same_tokens(input in pieces(), cuts in proptest::collection::vec(0usize..120, 0..6)) {
        let small = Limits { total: 60, depth: 2, elements: 4, attributes: 2, markup: 20 };
        for limits in [Limits::REQUEST, small] {
            let whole = read_with(limits, &[input.as_bytes()]);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| (*cut).min(input.len())).collect();
            cuts.extend([0, input.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &input.as_bytes()[cut[0]..cut[1]]).collect();
            prop_assert_eq!(&read_with(limits, &chunks), &whole);
            let bytes: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
            prop_assert_eq!(&read_with(limits, &bytes), &whole);
        }
    }
}
