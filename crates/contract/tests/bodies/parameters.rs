//! Parameters against their whole schemas, and which parts of a head are proven.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use testudo_contract::{Checked, Contract, Head, Options, ProvenHead, RouteMatch, Unknown};

use crate::support::lines;

const API: &str = "
openapi: 3.1.0
info: {}
paths:
  /accounts/{id}/items/{n}:
    get:
      parameters:
        - {name: id, in: path, required: true, schema: {type: string, pattern: '^acc-[0-9a-f]{4}$'}}
        - {name: n, in: path, required: true, schema: {allOf: [{type: integer}, {minimum: 1}]}}
        - {name: q, in: query, schema: {type: string, maxLength: 5, pattern: '^[a-z ]*$'}}
        - {name: limit, in: query, schema: {type: integer, maximum: 100}}
        - {name: tag, in: query, schema: {type: array, items: {enum: [a, b]}, maxItems: 2}}
        - {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: filter, in: query, style: deepObject, schema: {type: object, properties: {from: {type: string, format: date}}}}
        - {name: where, in: query, content: {application/json: {schema: {type: object, properties: {x: {type: integer}}}}}}
        - {name: X-Trace, in: header, schema: {type: string, format: uuid}}
        - {name: theme, in: cookie, schema: {enum: [dark, light]}}
";

fn inspect(path: &str, query: Option<&str>, headers: &[(&str, &str)], unknown: Unknown) -> (Checked, ProvenHead) {
    let contract = Contract::from_openapi("api", API).unwrap();
    let map: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect();
    let head = Head { method: &Method::GET, path, query, headers: &map };
    let RouteMatch::Found(found) = contract.route(&Method::GET, path) else { panic!("no route") };
    contract.inspect_parameters(&found, &head, Options { unknown })
}

#[test]
fn parameters_are_checked_with_all_that_their_schemas_say() {
    let path = "/accounts/acc-00ff/items/7";
    for (path, query, wrong) in [
        (path, "", ""),
        ("/accounts/acc-00fg/items/7", "", "path:id wrong-pattern"),
        ("/accounts/acc-00ff/items/0", "", "path:n out-of-range"),
        ("/accounts/acc-00ff/items/x", "", "path:n wrong-type"),
        (path, "q=a+b", ""),
        (path, "q=A", "query:q wrong-pattern"),
        (path, "q=abcdef", "query:q wrong-length"),
        (path, "limit=100", ""),
        (path, "limit=101", "query:limit out-of-range"),
        (path, "limit=1&limit=2", "query:limit parameter-repeated"),
        (path, "limit=", "query:limit wrong-type"),
        (path, "tag=a&tag=b", ""),
        (path, "tag=c", "query:tag/0 not-listed"),
        (path, "ids=1,2", ""),
        (path, "ids=1,a", "query:ids/1 wrong-type"),
        (path, "filter[from]=2026-01-02", ""),
        (path, "filter%5Bfrom%5D=2026-13-02", "query:filter/from wrong-format"),
        (path, "filter[to]=1", "query:filter/to unknown-field"),
        (path, "where=%7B%22x%22%3A1%7D", ""),
        (path, "where=%7B%22x%22%3A%22%22%7D", "query:where/x wrong-type"),
        (path, "where=%7B", "query:where malformed"),
        (path, "debug=1", "query:debug unknown-parameter"),
        (path, "a%20b%3D1=1", "query:* unknown-parameter"),
        (path, "q=%zz", "query: query-malformed"),
        (path, "q=%ff", "query: query-malformed"),
    ] {
        let (checked, _) = inspect(path, Some(query), &[], Unknown::Refuse);
        assert_eq!(lines(&checked), wrong, "{path}?{query}");
    }
    let (reported, _) = inspect(path, Some("debug=1"), &[], Unknown::Report);
    assert!(reported.is_ok() && reported.notes.len() == 1);
    let (wrong, _) = inspect(path, None, &[("x-trace", "nope"), ("cookie", "a=1; theme=blue")], Unknown::Refuse);
    assert_eq!(lines(&wrong), "header:x-trace wrong-format, cookie:theme not-listed");
}

#[test]
fn heads_are_proven_in_parts() {
    let headers = [("x-trace", "3f2504e0-4f89-11d3-9a0c-0305e82c3301"), ("cookie", "theme=dark; other=x")];
    let query = "limit=7&tag=a&ids=1,2";
    let (checked, proven) = inspect("/accounts/acc-00ff/items/7", Some(query), &headers, Unknown::Refuse);
    assert!(checked.is_ok(), "{checked:?}");
    assert!(proven.path);
    let texts: Vec<&str> = proven.query.iter().map(|proven| &query[proven.span.start..proven.span.end]).collect();
    assert_eq!(texts[..2], ["7", "a"]);
    assert_eq!((proven.headers.len(), proven.cookies.len()), (1, 1));
    let (_, proven) = inspect("/accounts/acc-00ff/items/7", Some("limit=7&tag=a"), &[], Unknown::Refuse);
    assert!(proven.whole_query);
    let (_, proven) = inspect("/accounts/acc-00ff/items/7", Some("limit=7&q=a"), &[], Unknown::Refuse);
    assert!(!proven.whole_query && proven.query.len() == 1);
    let (_, proven) = inspect("/accounts/acc%2D00ff/items/7", Some("limit=7"), &[], Unknown::Refuse);
    assert!(!proven.path && proven.whole_query);
    // A cookie beyond those that are read could have the same name.
    let many = |count: usize| format!("theme=dark{}; theme=evil", "; x=1".repeat(count));
    for (count, expected) in [(253, "cookie:theme parameter-repeated"), (300, "")] {
        let (checked, proven) =
            inspect("/accounts/acc-00ff/items/7", None, &[("cookie", &many(count))], Unknown::Refuse);
        assert_eq!((lines(&checked).as_str(), proven.cookies.len()), (expected, 0), "{count}");
    }
    let (_, proven) = inspect("/accounts/acc-00ff/items/7", Some("limit=700"), &[], Unknown::Refuse);
    assert_eq!(proven, ProvenHead::default());
}

#[test]
fn each_type_has_one_way_to_be_written() {
    let text = "
openapi: 3.1.0
info: {}
paths:
  /t/{id}:
    get:
      parameters:
        - {name: id, in: path, required: true, schema: {type: string, format: uuid}}
        - {name: page, in: query, schema: {type: integer, format: int32, minimum: 1, maximum: 100}}
        - {name: ratio, in: query, schema: {type: number, exclusiveMinimum: 0}}
        - {name: on, in: query, schema: {type: string, format: date}}
        - {name: at, in: query, schema: {type: string, format: date-time}}
        - {name: all, in: query, schema: {type: [boolean, 'null']}}
        - {name: sort, in: query, schema: {$ref: '#/components/schemas/Sort'}}
        - {name: ids, in: query, schema: {type: array, maxItems: 3, items: {type: integer}}}
        - {name: tags, in: query, explode: false, schema: {type: array, items: {enum: [a, b]}}}
        - {name: Idempotency-Key, in: header, required: true, schema: {type: string, minLength: 8, maxLength: 64}}
        - {name: filter, in: query, style: deepObject, explode: true, schema: {type: object}}
components:
  schemas:
    Sort: {type: string, enum: [up, down]}
";
    let contract = Contract::from_openapi("types", text).unwrap();
    let uuid = "/t/6f1c2b1e-0000-4000-8000-00000000abcd";
    let check = |path: &str, query: &str, keys: &[&str]| {
        let key = |key: &&str| (HeaderName::from_static("idempotency-key"), HeaderValue::from_str(key).unwrap());
        let headers: HeaderMap = keys.iter().map(key).collect();
        let head = Head { method: &Method::GET, path, query: Some(query), headers: &headers };
        let RouteMatch::Found(found) = contract.route(&Method::GET, path) else { panic!("no route") };
        lines(&contract.inspect_parameters(&found, &head, Options { unknown: Unknown::Allow }).0)
    };
    let key: &[&str] = &["12345678"];
    for query in [
        "",
        "page=1&page2=x",
        "page=100",
        "ratio=0.5",
        "ratio=1e3",
        "on=2024-02-29",
        "at=2026-06-30T23:59:60.25%2B02:00",
        "all=true",
        "sort=up",
        "ids=1&ids=2",
        "tags=a,b",
        "filter[x]=1&filter[y]=2",
        "other=%2F",
        "&&",
    ] {
        assert_eq!(check(uuid, query, key), "", "{query}");
    }
    for (query, wrong) in [
        ("page=0", "query:page out-of-range"),
        ("page=101", "query:page out-of-range"),
        ("page=01", "query:page wrong-type"),
        ("page=", "query:page wrong-type"),
        ("page=0x1", "query:page wrong-type"),
        ("page=1%00", "query:page wrong-type"),
        ("page=1&p%61ge=2", "query:page parameter-repeated"),
        ("page=99999999999999999999999", "query:page out-of-range"),
        ("ratio=0", "query:ratio out-of-range"),
        ("ratio=NaN", "query:ratio wrong-type"),
        ("ratio=Infinity", "query:ratio wrong-type"),
        ("on=2026-02-29", "query:on wrong-format"),
        ("on=2026-2-9", "query:on wrong-format"),
        ("at=2026-06-30", "query:at wrong-format"),
        ("at=2026-06-30T24:00:00Z", "query:at wrong-format"),
        ("all=TRUE", "query:all wrong-type"),
        ("sort=left", "query:sort not-listed"),
        ("ids=1&ids=x", "query:ids/1 wrong-type"),
        ("tags=a,c", "query:tags/1 not-listed"),
    ] {
        assert_eq!(check(uuid, query, key), wrong, "{query}");
    }
    assert!(check(uuid, "ids=1&ids=2&ids=3&ids=4", key).starts_with("query:ids "), "it has three at most");
    assert_eq!(check("/t/7", "", key), "path:id wrong-format");
    assert_eq!(check(uuid, "", &[]), "header:idempotency-key parameter-missing");
    assert_eq!(check(uuid, "", &["short"]), "header:idempotency-key wrong-length");
    assert_eq!(check(uuid, "", &["12345678", "12345679"]), "header:idempotency-key parameter-repeated");
    assert_eq!(check(uuid, &"a=1&".repeat(400), key), "query: query-malformed");
}
