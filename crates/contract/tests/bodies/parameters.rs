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
