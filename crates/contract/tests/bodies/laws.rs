//! Laws: what is proven is plain, strictness only refuses more, and nothing panics or runs long.

use std::sync::LazyLock;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value, json};
use testudo_contract::{Contract, Unknown};

use crate::support::{check, proven, with_body};

static MIXED: LazyLock<Contract> = LazyLock::new(|| {
    let schemas = "{T: {type: object, required: [k], properties: {k: {enum: [a, b]}, n: {type: integer, maximum: 9}, t: {type: string, maxLength: 4}, \
        u: {type: string, pattern: '^[a-z]{1,3}$'}, o: {oneOf: [{$ref: '#/components/schemas/T'}, {type: 'null'}, {type: array, items: {$ref: '#/components/schemas/T'}, uniqueItems: true}]}, \
        m: {type: object, additionalProperties: {type: number}}}, not: {required: [x]}}}";
    with_body("{content: {application/json: {schema: {$ref: '#/components/schemas/T'}}}}", schemas)
});

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        (-20i64..20).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[abc<']{0,5}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec(("[knutomx]", inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_proven_is_plain_and_strictness_refuses_more(value in value()) {
        let body = value.to_string();
        let strict = check(&MIXED, "application/json", body.as_bytes(), Unknown::Refuse);
        let reported = check(&MIXED, "application/json", body.as_bytes(), Unknown::Report);
        let loose = check(&MIXED, "application/json", body.as_bytes(), Unknown::Allow);
        prop_assert!(strict.violations.len() <= 8);
        if strict.is_ok() {
            prop_assert!(reported.is_ok() && loose.is_ok() && reported.notes.is_empty());
            prop_assert_eq!(&strict.proven, &loose.proven);
        }
        prop_assert_eq!(reported.is_ok(), loose.is_ok());
        for text in proven(&loose, &body) {
            prop_assert!(text.trim_matches('"').bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-+".contains(&b)), "{}", text);
        }
        prop_assert!(strict.proven.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
    }

    #[test]
    fn bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), value in value()) {
        let start = Instant::now();
        for kind in ["application/json", "application/x-ndjson"] {
            check(&MIXED, kind, &bytes, Unknown::Refuse);
        }
        let body = value.to_string().into_bytes();
        let cut = at.index(body.len() + 1);
        bytes.extend_from_slice(&body[..cut]);
        check(&MIXED, "application/json", &bytes, Unknown::Refuse);
        check(&MIXED, "application/json", &body[..cut], Unknown::Refuse);
        prop_assert!(start.elapsed().as_secs() < 2);
    }
}
