//! Which versions an advisory means (OSV schema 1.7, "Evaluation").

use std::cmp::Ordering;

use crate::dependencies::Scheme;

/// What changes at a version.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Event<'a> {
    /// Affected from the first version on (`"introduced": "0"`).
    Always,
    /// Affected from here on.
    Introduced(&'a str),
    /// Not affected from here on.
    Fixed(&'a str),
    /// The last that is affected.
    LastAffected(&'a str),
    /// Only what is below counts at all.
    Limit(&'a str),
}

impl<'a> Event<'a> {
    /// The version, if it is one.
    pub fn version(self) -> Option<&'a str> {
        match self {
            Event::Always => None,
            Event::Introduced(version)
            | Event::Fixed(version)
            | Event::LastAffected(version)
            | Event::Limit(version) => Some(version),
        }
    }
}

/// Versions between events, which are sorted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Range<'a> {
    /// The order of the versions.
    pub scheme: Scheme,
    /// The events, in that order.
    pub events: Vec<Event<'a>>,
}

impl<'a> Range<'a> {
    /// A range of these events, which are put in order. Events at one version keep their order.
    pub fn new(scheme: Scheme, mut events: Vec<Event<'a>>) -> Range<'a> {
        events.sort_by(|one, other| match (one.version(), other.version()) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(one), Some(other)) => scheme.compare(one, other),
        });
        Range { scheme, events }
    }

    /// Whether the version is in it.
    pub fn has(&self, version: &str) -> bool {
        let at = |other: &str| self.scheme.compare(version, other);
        let mut limits =
            self.events.iter().filter_map(|event| if let Event::Limit(to) = event { Some(*to) } else { None });
        let mut limited = limits.clone();
        if limited.next().is_some() && !limits.any(|to| to == "*" || at(to).is_lt()) {
            return false;
        }
        let mut inside = false;
        for event in &self.events {
            match event {
                Event::Always => inside = true,
                Event::Introduced(from) if at(from).is_ge() => inside = true,
                Event::Fixed(from) if at(from).is_ge() => inside = false,
                Event::LastAffected(last) if at(last).is_gt() => inside = false,
                _ => {}
            }
        }
        inside
    }

    /// Whether every version is in it.
    pub fn has_all(&self) -> bool {
        self.events.as_slice() == [Event::Always]
    }

    /// The first fixed version above a version.
    pub fn fixed_above(&self, version: &str) -> Option<&'a str> {
        self.events.iter().find_map(|event| match event {
            Event::Fixed(fixed) if self.scheme.compare(version, fixed).is_lt() => Some(*fixed),
            _ => None,
        })
    }

    /// As people write it: `>= 1.0, < 1.2.3 || >= 2.0`.
    pub fn shown(&self) -> String {
        let mut shown = String::new();
        let mut open = false;
        for event in &self.events {
            let (mark, version) = match event {
                Event::Always => ("*", ""),
                Event::Introduced(version) => (">= ", *version),
                Event::Fixed(version) => ("< ", *version),
                Event::LastAffected(version) => ("<= ", *version),
                Event::Limit(_) => continue,
            };
            match event {
                Event::Always | Event::Introduced(_) if !open => {
                    if !shown.is_empty() {
                        shown.push_str(" || ");
                    }
                    open = true;
                }
                Event::Fixed(_) | Event::LastAffected(_) if open => {
                    if shown.ends_with('*') {
                        shown.pop();
                    } else {
                        shown.push_str(", ");
                    }
                    open = false;
                }
                _ => continue,
            }
            shown.push_str(mark);
            shown.push_str(version);
        }
        shown
    }
}
