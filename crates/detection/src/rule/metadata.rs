//! What a rule says of itself: title, id, level, tags, log source.

use testudo_core::Severity;

use crate::error::{Fault, Position, Problem, instead, nearest};
use crate::yaml::{Data, Map, Node};

/// The attributes of the specification, of all three sorts of rules, and our own `quiet`.
const KNOWN: [&str; 25] = [
    "title",
    "id",
    "name",
    "related",
    "taxonomy",
    "status",
    "description",
    "license",
    "author",
    "references",
    "date",
    "modified",
    "logsource",
    "detection",
    "correlation",
    "filter",
    "fields",
    "falsepositives",
    "level",
    "tags",
    "scope",
    "generate",
    "regression_tests_path",
    "simulation",
    "quiet",
];

/// The longest title and name in characters.
const MAX_TITLE: usize = 256;

/// What a rule says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metadata {
    /// The id; when there is none, the name, else the title.
    pub id: String,
    /// A name for correlations to refer to.
    pub name: Option<String>,
    /// What it finds, in a line.
    pub title: String,
    /// What it finds, at length.
    pub description: String,
    /// Who wrote it. The license of `SigmaHQ` asks that this is shown with a match.
    pub author: String,
    /// How bad it is; medium when the rule says nothing.
    pub level: Severity,
    /// Tags, such as `attack.t1110.004`.
    pub tags: Vec<String>,
    /// What else it may be.
    pub false_positives: Vec<String>,
    /// The file that it stands in.
    pub file: String,
    /// Where it stands in there.
    pub position: Position,
}

impl Metadata {
    pub(super) fn read(node: &Node, map: &Map, file: &str) -> Result<Metadata, Vec<Fault>> {
        let mut faults = Vec::new();
        for (key, (at, _)) in map {
            if KNOWN.contains(&&**key) {
                continue;
            }
            if let Some(meant) = nearest(key, KNOWN) {
                let what = format!("the attribute `{key}` is not known");
                faults.push(Fault::new(*at, what, format!("did you mean `{meant}`?")));
            }
        }
        let mut text = |name: &str| {
            let (_, value) = map.get(name)?;
            let text = value.text().map(str::to_owned);
            if text.is_none() {
                let what = format!("`{name}` must be a text, not {}", value.kind());
                faults.push(Fault::new(value.position, what, "write one line of text"));
            }
            text
        };
        let (title, id, name) = (text("title"), text("id"), text("name"));
        let (description, author) = (text("description"), text("author"));
        let level = text("level");
        let level = match level.as_deref() {
            None | Some("medium") => Severity::Medium,
            Some("informational") => Severity::Informational,
            Some("low") => Severity::Low,
            Some("high") => Severity::High,
            Some("critical") => Severity::Critical,
            Some(other) => {
                let at = map.get("level").map_or(node.position, |(_, value)| value.position);
                let known = ["informational", "low", "medium", "high", "critical"];
                faults.push(Fault::new(at, format!("the level `{other}` is unknown"), instead(other, known)));
                Severity::Medium
            }
        };
        let tags = texts(map, "tags", &mut faults);
        let false_positives = texts(map, "falsepositives", &mut faults);
        let title = title.filter(|title| !title.trim().is_empty()).unwrap_or_else(|| {
            faults.push(Fault::new(node.position, "the rule has no title", "add `title:`"));
            String::new()
        });
        for text in [Some(&title), id.as_ref(), name.as_ref()].into_iter().flatten() {
            if text.chars().count() > MAX_TITLE {
                let what = format!("a title, id or name is longer than {MAX_TITLE} characters");
                faults.push(Fault::new(node.position, what, "say it shorter, and the rest in `description`"));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Metadata {
            id: id.or_else(|| name.clone()).unwrap_or_else(|| title.clone()),
            name,
            title,
            description: description.unwrap_or_default(),
            author: author.unwrap_or_default(),
            level,
            tags,
            false_positives,
            file: file.to_owned(),
            position: node.position,
        })
    }

    /// What others may call it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let name = self.name.as_deref().filter(|name| *name != self.id);
        std::iter::once(self.id.as_str()).chain(name)
    }

    pub(crate) fn problem(&self, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Fault::new(self.position, what, remedy).within(&self.file)
    }
}

fn texts(map: &Map, name: &str, faults: &mut Vec<Fault>) -> Vec<String> {
    let Some((_, value)) = map.get(name) else { return Vec::new() };
    if matches!(value.data, Data::Null) {
        return Vec::new();
    }
    let mut texts = Vec::new();
    for member in value.each() {
        if let Some(text) = member.text() {
            texts.push(text.to_owned());
            continue;
        }
        let what = format!("`{name}` must be a list of texts, not {}", member.kind());
        faults.push(Fault::new(member.position, what, "write one text on each line after `- `"));
    }
    texts
}

/// Where events come from, or where a rule looks. Nothing means any.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct LogSource {
    /// A sort of log, such as `webserver`.
    pub category: Option<String>,
    /// A product, such as `okta`.
    pub product: Option<String>,
    /// A log of that product.
    pub service: Option<String>,
}

impl LogSource {
    pub(super) fn read(map: &Map, at: Position) -> Result<LogSource, Fault> {
        let Some((_, value)) = map.get("logsource") else {
            return Err(Fault::new(at, "the rule has no `logsource`", "add one, such as `category: webserver`"));
        };
        let Some(map) = value.map() else {
            let what = format!("`logsource` must be a map, not {}", value.kind());
            return Err(Fault::new(value.position, what, "write `category:`, `product:` or `service:` in it"));
        };
        let mut source = LogSource::default();
        for (key, (at, value)) in map {
            let place = match &**key {
                "category" => &mut source.category,
                "product" => &mut source.product,
                "service" => &mut source.service,
                "definition" => continue,
                other => {
                    let known = ["category", "product", "service", "definition"];
                    if nearest(other, known).is_some() {
                        let what = format!("`{other}` is no part of a log source");
                        return Err(Fault::new(*at, what, instead(other, known)));
                    }
                    continue;
                }
            };
            *place = value.text().map(str::to_owned);
        }
        Ok(source)
    }

    /// Whether a rule for this source looks at events from `events`.
    pub(crate) fn covers(&self, events: &LogSource) -> bool {
        let fits = |rule: &Option<String>, event: &Option<String>| rule.is_none() || rule == event;
        fits(&self.category, &events.category)
            && fits(&self.product, &events.product)
            && fits(&self.service, &events.service)
    }
}
