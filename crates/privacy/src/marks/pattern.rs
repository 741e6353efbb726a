//! Patterns: paths with wildcards.

use super::{MarksBuilder, MarksError, Node};

/// Longest pattern, in steps.
const MOST_STEPS: usize = 64;

#[derive(PartialEq, Eq, Debug)]
enum Step {
    Member(String),
    AnyMember,
    AnyItem,
    /// Any number of members and elements.
    Deep,
}

/// Adds the pattern to the graph; gives the node that it leads to.
pub(super) fn add(builder: &mut MarksBuilder, pattern: &str) -> Result<Node, MarksError> {
    let mut node = builder.node();
    builder.also(MarksBuilder::ROOT, node);
    for step in parse(pattern)? {
        let next = builder.node();
        match step {
            Step::Member(key) => builder.member(node, key, next),
            Step::AnyMember => builder.others(node, next),
            Step::AnyItem => builder.items(node, next),
            Step::Deep => {
                let within = builder.node();
                builder.also(node, within);
                builder.others(within, within);
                builder.items(within, within);
                builder.also(within, next);
            }
        }
        node = next;
    }
    Ok(node)
}

fn parse(pattern: &str) -> Result<Vec<Step>, MarksError> {
    let wrong = |rest: &str, what| MarksError::Pattern {
        pattern: pattern.chars().take(200).collect(),
        column: 1 + pattern.chars().count() - rest.chars().count(),
        what,
    };
    let mut steps = Vec::new();
    let mut rest = pattern.strip_prefix('$').unwrap_or(pattern);
    if rest.len() == pattern.len() && !rest.starts_with(['.', '[']) {
        (rest, steps) = name(rest).map_err(|what| wrong(rest, what))?;
    }
    while !rest.is_empty() {
        let (after, more) = step(rest).map_err(|what| wrong(rest, what))?;
        steps.extend(more);
        rest = after;
        if steps.len() > MOST_STEPS {
            return Err(wrong(rest, "more than 64 steps"));
        }
    }
    Ok(steps)
}

type Steps<'a> = Result<(&'a str, Vec<Step>), &'static str>;

fn step(text: &str) -> Steps<'_> {
    if let Some(rest) = text.strip_prefix("..") {
        let (rest, mut steps) = if rest.starts_with('[') { bracket(rest)? } else { name(rest)? };
        steps.insert(0, Step::Deep);
        return Ok((rest, steps));
    }
    match text.strip_prefix('.') {
        Some(rest) => name(rest),
        None => bracket(text),
    }
}

fn name(text: &str) -> Steps<'_> {
    if let Some(rest) = text.strip_prefix('*') {
        return Ok((rest, vec![Step::AnyMember]));
    }
    let end = text.find(['.', '[', ']', '*', '\'', '"', ' ']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return Err("expected a name or `*`");
    }
    Ok((rest, vec![Step::Member(name.to_owned())]))
}

fn bracket(text: &str) -> Steps<'_> {
    let text = text.strip_prefix('[').ok_or("expected `.` or `[`")?;
    if let Some(rest) = text.strip_prefix(']').or_else(|| text.strip_prefix("*]")) {
        return Ok((rest, vec![Step::AnyItem]));
    }
    let text = text.strip_prefix('\'').ok_or("expected `]`, `*]` or a name in single quotes")?;
    let (name, rest) = text.split_once("']").ok_or("expected `']` after the name")?;
    Ok((rest, vec![Step::Member(name.to_owned())]))
}
