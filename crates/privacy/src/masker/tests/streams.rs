//! Lines of JSON, and server-sent events.

use super::*;

fn cards() -> Masking {
    masking(
        &[("$.pan", "pan"), ("$.x", "health")],
        &[(DataClass::Pan, Treatment::Partial), (DataClass::Health, Treatment::Drop)],
    )
}

#[test]
fn each_line_is_a_document() {
    let text = "{\"pan\":\"4111111111111111\"}\r\n\n{\"x\":1,\"pan\":4111111111111111}\n[{\"pan\":1}]";
    let expected = "{\"pan\":\"************1111\"}\r\n\n{\"pan\":\"************1111\"}\n[{\"pan\":1}]";
    assert_eq!(mask(&cards(), Format::Ndjson, text), expected);
    assert_eq!(mask(&cards(), Format::Ndjson, ""), "");
    assert!(run(&cards(), Format::Ndjson, &[b"{}\n{\"pan\":\n1}\n"]).is_err());
}

#[test]
fn the_data_of_each_event_is_a_document() {
    let text = ": hello\r\nevent: card\r\nid: 7\r\ndata: {\"pan\":\"4111111111111111\", \"a\":1}\r\n\r\n\
                data:{\"x\":2}\n\ndata\n\ndata: [DONE]\n\n";
    let expected = ": hello\r\nevent: card\r\nid: 7\r\ndata: {\"pan\":\"************1111\", \"a\":1}\r\n\r\n\
                    data:{}\n\ndata\n\ndata: [DONE]\n\n";
    assert_eq!(mask(&cards(), Format::Sse, text), expected);
}

#[test]
fn data_may_go_over_lines() {
    let text = "data: {\nid: 3\ndata:   \"pan\": \"4111111111111111\",\ndata: \"x\": [\ndata: 1\ndata: ]}\n\n";
    let expected = "data: {\nid: 3\ndata:   \"pan\": \"************1111\"}\n\n";
    assert_eq!(mask(&cards(), Format::Sse, text), expected);
    let untouched = "data: [\rdata:  1,\rdata\rdata: 2]\r\revent: end\r\r";
    assert_eq!(mask(&cards(), Format::Sse, untouched), untouched);
}

#[test]
fn events_that_can_not_be_read_are_errors() {
    for text in ["data: hello\n\n", "data: {\"pan\":\n\n", "data: {}\ndata: {}\n\n", "\u{feff}data: nothing\n\n"] {
        assert!(matches!(run(&cards(), Format::Sse, &[text.as_bytes()]), Err(MaskError::Unreadable(_))), "{text}");
    }
    let endless = "data: ".to_owned() + &"1".repeat(1_100_000);
    assert!(matches!(run(&cards(), Format::Sse, &[endless.as_bytes()]), Err(MaskError::EventTooLong(_))));
}

#[test]
fn an_event_that_did_not_end_is_masked_or_left_out() {
    let start = "data: 1\n\n";
    let masked = mask(&cards(), Format::Sse, &format!("{start}data: {{\"pan\":\"4111111111111111\"}}\n"));
    assert_eq!(masked, format!("{start}data: {{\"pan\":\"************1111\"}}\n"));
    assert_eq!(mask(&cards(), Format::Sse, &format!("{start}data: {{\"pan\":\"411111111111")), start);
}

#[test]
fn comments_and_names_are_texts() {
    let masking = detecting(&[], &[(DataClass::Email, Treatment::Partial)]);
    let text = ": for ada@example.org\nid: bob@example.org\ndata: \"eve@example.org\"\n\n";
    let expected = ": for a***@e***.org\nid: b***@e***.org\ndata: \"e***@e***.org\"\n\n";
    assert_eq!(mask(&masking, Format::Sse, text), expected);
}
