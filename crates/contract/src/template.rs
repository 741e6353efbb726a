//! Path templates of a contract: `/accounts/{id}/events`, also with text around a parameter as in `/reports/{id}.csv`.

use std::sync::Arc;

use crate::path::StrictPath;

/// A template as segments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Template {
    pub segments: Vec<Segment>,
}

/// One segment.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Segment {
    /// Text to be met exactly; empty only as the last one, for a trailing slash.
    Text(Box<str>),
    /// Text and parameters.
    Mixed(Mixed, Vec<Arc<str>>),
    /// One parameter that fills the segment.
    Parameter(Arc<str>),
}

/// Text around and between the parameters of a segment, in order: a parameter stands between each two pieces. Only the
/// first and the last piece may be empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Mixed(Vec<Box<str>>);

impl Mixed {
    /// Gives the value of each parameter; a parameter ends where the text behind it is met first.
    pub(crate) fn capture<'s>(&self, segment: &'s str, mut each: impl FnMut(&'s str)) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else { return false };
        let Some(mut rest) = segment.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last)) else {
            return false;
        };
        for text in middle {
            let after_first = rest.chars().next().map_or(0, char::len_utf8);
            let found = rest.get(after_first..).and_then(|tail| tail.find(&**text)).map(|at| at + after_first);
            let split = found.and_then(|at| Some((rest.get(..at)?, rest.get(at + text.len()..)?)));
            let Some((value, behind)) = split else { return false };
            each(value);
            rest = behind;
        }
        each(rest);
        !rest.is_empty()
    }

    /// How much fixed text it has: more is matched first.
    pub(crate) fn weight(&self) -> usize {
        self.0.iter().map(|text| text.len()).sum()
    }
}

impl Template {
    /// Reads a template; the error says what is wrong with it.
    pub(crate) fn parse(template: &str) -> Result<Template, String> {
        let blanked = blank(template)?;
        let strict = StrictPath::parse(&blanked).map_err(|error| error.to_string())?;
        let count = strict.segments().count();
        let segments = template.strip_prefix('/').unwrap_or_default().split('/').map(segment).collect::<Vec<_>>();
        if segments.len() != count {
            return Err("a `/` stands inside braces".into());
        }
        let template = Template { segments };
        let mut names: Vec<&str> = template.names().collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()) {
            Some([name, ..]) => Err(format!("the parameter `{name}` stands twice in the path")),
            _ => Ok(template),
        }
    }

    /// The names of its parameters in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments
            .iter()
            .flat_map(|segment| match segment {
                Segment::Text(_) => [].iter(),
                Segment::Mixed(_, names) => names.iter(),
                Segment::Parameter(name) => std::slice::from_ref(name).iter(),
            })
            .map(|name| &**name)
    }

    /// The same names behind pointers, for the router.
    pub(crate) fn shared_names(&self) -> Vec<Arc<str>> {
        self.names().map(Into::into).collect()
    }
}

/// The template with `x` for each parameter, so that the rules for paths can be asked.
fn blank(template: &str) -> Result<String, String> {
    let mut blanked = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else {
            return Err("a `{` has no `}`".into());
        };
        let fits = (1..=64).contains(&name.len());
        if !fits || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)) {
            return Err(format!("`{{{name}}}` is not a parameter name of 1 to 64 letters, digits, `_`, `-` and `.`"));
        }
        if behind.starts_with('{') {
            return Err("two parameters stand next to each other, so that nobody knows where one ends".into());
        }
        blanked.push_str(before);
        blanked.push('x');
        rest = behind;
    }
    blanked.push_str(rest);
    if blanked.contains('}') { Err("a `}` has no `{`".into()) } else { Ok(blanked) }
}

/// One segment of a template that `blank` has accepted.
fn segment(text: &str) -> Segment {
    let decode = |text: &str| -> Box<str> { percent_encoding::percent_decode_str(text).decode_utf8_lossy().into() };
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        pieces.push(decode(before));
        names.push(name.into());
        rest = behind;
    }
    pieces.push(decode(rest));
    match (names.as_slice(), pieces.iter().all(|piece| piece.is_empty())) {
        ([], _) => Segment::Text(pieces.swap_remove(0)),
        ([name], true) => Segment::Parameter(name.clone()),
        _ => Segment::Mixed(Mixed(pieces), names),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn templates_are_read_by_segment() {
        let template = Template::parse("/v1/accounts/{account-id}/{from}..{to}.csv").unwrap();
        assert_eq!(template.names().collect::<Vec<_>>(), ["account-id", "from", "to"]);
        assert_eq!(template.segments.len(), 4);
        let Some(Segment::Mixed(mixed, _)) = template.segments.last() else { panic!("mixed") };
        let mut values = Vec::new();
        assert!(mixed.capture("1..2..3.csv", |value| values.push(value)));
        assert_eq!(values, ["1", "2..3"]);
        assert!(mixed.capture("...2.csv", |_| {}), "the first character belongs to the first parameter");
        for other in ["..2.csv", "1...csv", "1..2", "1.2.csv", ""] {
            assert!(!mixed.capture(other, |_| {}), "{other}");
        }
        assert_eq!(Template::parse("/").unwrap().segments, [Segment::Text("".into())]);
    }

    #[test]
    fn broken_templates_are_refused() {
        let cases = [
            ("accounts", "does not start"),
            ("/a/{id", "no `}`"),
            ("/a/id}", "no `{`"),
            ("/a/{}", "not a parameter name"),
            ("/a/{x y}", "not a parameter name"),
            ("/a/{b/c}", "not a parameter name"),
            ("/a/{b}{c}", "next to each other"),
            ("/a/{b}/{b}", "stands twice"),
            ("/a//b", "empty segment"),
            ("/a/../b", "`..` segment"),
            ("/a?b={c}", "can't stand in a path"),
            ("/a%2f{b}", "encoded slash"),
        ];
        for (template, reason) in cases {
            let error = Template::parse(template).unwrap_err();
            assert!(error.contains(reason), "{template}: {error}");
        }
    }
}
