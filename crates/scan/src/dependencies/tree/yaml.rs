//! YAML 1.2 as trees, one for each document. Merge keys, tags and anchors are refused: no lock file has them.

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle};

use super::{Builder, Data, MAX_DEPTH, Map, Node, Open, text, to_line};
use crate::dependencies::error::Wrong;

/// Reads all documents.
pub(in crate::dependencies) fn parse(bytes: &[u8]) -> Result<Vec<Node>, Wrong> {
    let text = text(bytes)?;
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let (mut builder, mut roots) = (Builder::default(), Vec::new());
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) = next.map_err(|error| {
            Wrong::malformed(to_line(error.marker().line()), format!("this is not YAML: {}", error.info()))
        })?;
        let line = to_line(span.start.line());
        match event {
            Event::Scalar(scalar, style, anchor, tag) => {
                refuse(anchor, tag.is_some(), line)?;
                if builder.awaits_key() {
                    builder.key(scalar.into_owned().into(), line)?;
                } else {
                    let data = if style == ScalarStyle::Plain { plain(&scalar) } else { Data::Text((&*scalar).into()) };
                    builder.add(Node { line, data })?;
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse(anchor, tag.is_some(), line)?;
                no_key(&builder, line)?;
                builder.begin(Open::List(line, Vec::new()), line)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse(anchor, tag.is_some(), line)?;
                no_key(&builder, line)?;
                builder.begin(Open::Map(line, Map::new(), None), line)?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.end()?,
            Event::Alias(_) => return Err(Wrong::malformed(line, "an alias: no lock file has them")),
            _ => {}
        }
        if let Some(root) = builder.root.take() {
            roots.push(root);
        }
    }
    Ok(roots)
}

fn refuse(anchor: usize, tagged: bool, line: u32) -> Result<(), Wrong> {
    if anchor != 0 || tagged {
        return Err(Wrong::malformed(line, "an anchor or a tag: no lock file has them"));
    }
    Ok(())
}

fn no_key(builder: &Builder, line: u32) -> Result<(), Wrong> {
    if builder.awaits_key() { Err(Wrong::malformed(line, "a key that is no text")) } else { Ok(()) }
}

/// What a plain scalar means in the core schema, as far as lock files go; numbers stay as they are written.
fn plain(text: &str) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Data::Null,
        "true" | "True" | "TRUE" => Data::Bool(true),
        "false" | "False" | "FALSE" => Data::Bool(false),
        _ => Data::Text(text.into()),
    }
}
