//! What the fuzz targets check; `tests/replay.rs` runs the same on stable.

use std::sync::{Arc, LazyLock};

use serde_json::Value;
use testudo_core::Timestamp;
use testudo_crypto::KeyRing;
use testudo_privacy::{ClassSet, DataClass, Format, Mark, Marks, MaskKeys, Masked, Masking, Plan, Treatment, detect};

static KEYS: LazyLock<MaskKeys> = LazyLock::new(|| MaskKeys::new(KeyRing::generate(Timestamp::default())));

static MARKS: LazyLock<Arc<Marks>> = LazyLock::new(|| {
    let pairs = [
        ("$..a", DataClass::Health),
        ("$.b[].c", DataClass::Pan),
        ("$.b", DataClass::FreeText),
        ("$.*.d", DataClass::Email),
    ];
    let pairs = pairs.map(|(pattern, class)| (pattern, Mark::Class(class)));
    Arc::new(Marks::compile(pairs).expect("the patterns are sound"))
});

/// Every cut gives the same output, of which nothing was said before it was an error; the output can be read, and holds
/// nothing under a mark that is to be hidden.
pub fn masker(data: &[u8]) {
    let [settings, cut, text @ ..] = data else { return };
    let treatment = |at: usize| Treatment::ALL.get(at % 6).copied().unwrap_or_default();
    let (first, detect) = (usize::from(*settings), settings & 0x80 != 0);
    let plan =
        DataClass::ALL.into_iter().zip(first..).fold(Plan::PLAIN, |plan, (class, at)| plan.with(class, treatment(at)));
    let plan = if detect { plan.detecting() } else { plan };
    let masking = Masking::new(Arc::clone(&MARKS), plan, Some(KEYS.clone())).expect("there are keys");
    let masking = masking.hold(usize::from(*cut) / 2);
    let (head, tail) = text.split_at(usize::from(*cut).min(text.len()));
    for format in [Format::Json, Format::Ndjson, Format::Sse] {
        let whole = run(&masking, format, &[text]);
        let halves = run(&masking, format, &[head, tail]);
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        let bytes = run(&masking, format, &bytes);
        let Some((out, masked)) = whole else {
            assert!(halves.is_none() && bytes.is_none());
            continue;
        };
        assert_eq!(halves, Some((out.clone(), masked)));
        assert_eq!(bytes, Some((out.clone(), masked)));
        if masked.total() == 0 && format != Format::Sse {
            assert_eq!(out, text);
        }
        if format == Format::Json {
            let read = serde_json::from_slice::<Value>(&out);
            match read {
                Ok(shown) if plan.treatment(DataClass::Health) >= Treatment::Null => nothing_under(&shown, "a"),
                Ok(_) => {}
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains("out of range") || text.contains("recursion"), "{text}");
                }
            }
        }
    }
}

fn run(masking: &Masking, format: Format, chunks: &[&[u8]]) -> Option<(Vec<u8>, Masked)> {
    let mut masker = masking.clone().masker(format);
    let mut out = Vec::new();
    for chunk in chunks {
        if let Err(error) = masker.push(chunk, &mut out) {
            assert_eq!(masker.finish(&mut out), Err(error));
            return None;
        }
    }
    masker.finish(&mut out).ok().map(|masked| (out, masked))
}

/// Below this key there is nothing but empty values and nulls.
fn nothing_under(value: &Value, name: &str) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(key, value)| if key == name { nothing_in(value) } else { nothing_under(value, name) }),
        Value::Array(items) => items.iter().for_each(|item| nothing_under(item, name)),
        _ => {}
    }
}

fn nothing_in(value: &Value) {
    match value {
        Value::Object(members) => members.values().for_each(nothing_in),
        Value::Array(items) => items.iter().for_each(nothing_in),
        other => assert!(other.is_null() || other == ""),
    }
}

/// What is found lies in the text, in order, apart, on borders of characters.
pub fn detectors(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (key, text) = text.split_once('=').unwrap_or(("", text));
    let all: ClassSet = DataClass::ALL.into_iter().collect();
    let mut found = Vec::new();
    detect::find(text.as_bytes(), key.as_bytes(), all, &mut found);
    let mut end = 0;
    for each in &found {
        assert!(end <= each.start && each.start < each.end);
        assert!(text.get(each.start..each.end).is_some());
        assert!(detect::has_detector(each.class));
        end = each.end;
    }
    assert!(end <= text.len());
}
