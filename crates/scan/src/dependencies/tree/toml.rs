//! TOML 1.0 as a tree.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Data, MAX_NODES, Map, Node, text, to_line};
use crate::dependencies::error::Wrong;

/// Reads a document.
pub(in crate::dependencies) fn parse(bytes: &[u8]) -> Result<Node, Wrong> {
    let text = text(bytes)?;
    let lines = Lines::new(text);
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| lines.of(span.start));
        let what = error.message().lines().next().unwrap_or_default();
        Wrong::malformed(line, format!("this is not TOML: {what}"))
    })?;
    let mut count = 0;
    map(table.get_ref(), &lines, &mut count).map(|map| Node { line: 1, data: Data::Map(map) })
}

fn map(table: &DeTable<'_>, lines: &Lines, count: &mut usize) -> Result<Map, Wrong> {
    let mut members: Vec<_> = table.iter().collect();
    // The table is sorted by name; the tree keeps the order of the file.
    members.sort_by_key(|(key, _)| key.span().start);
    let mut map = Map::with_capacity(members.len());
    for (key, value) in members {
        let node = node(value, lines, count)?;
        map.insert((&**key.get_ref()).into(), (lines.of(key.span().start), node));
    }
    Ok(map)
}

/// Depth is bounded by the parser (80).
fn node(value: &Spanned<DeValue<'_>>, lines: &Lines, count: &mut usize) -> Result<Node, Wrong> {
    let line = lines.of(value.span().start);
    *count += 1;
    if *count > MAX_NODES {
        return Err(Wrong::limit(line, MAX_NODES as u64, "values"));
    }
    let data = match value.get_ref() {
        DeValue::String(text) => Data::Text((&**text).into()),
        DeValue::Integer(number) => Data::Number(number.as_str().into()),
        DeValue::Float(number) => Data::Number(number.as_str().into()),
        DeValue::Boolean(truth) => Data::Bool(*truth),
        DeValue::Datetime(time) => Data::Text(time.to_string().into()),
        DeValue::Array(list) => Data::List(list.iter().map(|one| node(one, lines, count)).collect::<Result<_, _>>()?),
        DeValue::Table(table) => Data::Map(map(table, lines, count)?),
    };
    Ok(Node { line, data })
}

/// Where each line ends.
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Lines {
        Lines(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    fn of(&self, offset: usize) -> u32 {
        to_line(self.0.partition_point(|end| *end < offset) + 1)
    }
}
