//! Literals that a regular expression cannot match without (after Cox, "Regular Expression Matching with a Trigram
//! Index", 2012).
//!
//! Each node gives, over strings in lower case: all that it matches, when they are few; else how its matches begin, how
//! they end, and the best set of which one stands in each. A concatenation joins what is exact and takes the best of
//! what its parts offer; an alternation needs an offer of every branch.

use regex_syntax::hir::{Class, Hir, HirKind};

use super::LiteralSet;
use super::loose::{Loose, LooseRun};
use super::offer::{Best, rarest_part};
use super::strings::{MOST_LENGTH, Strings, join, nothing, sort, unite};
use crate::transform::ByteClasses;

/// How many bytes of a class are spelled out.
const MOST_MEMBERS: usize = 16;
/// Sets that are more common than this are not worth looking for.
const LEAST_RARITY: f32 = 4.5;

/// The best set of literals of which each match contains one.
pub(super) fn literals(hir: &Hir) -> Option<LiteralSet> {
    let best = visit(hir).into_best().into_offer().filter(|best| best.rarity >= LEAST_RARITY)?;
    LiteralSet::new(best.strings.into_iter().map(|literal| rarest_part(&literal).to_vec()))
}

/// What is known of a node's matches.
struct Node {
    /// All of them.
    exact: Option<Strings>,
    /// Where that is not known: each match begins with one of these; the empty one says nothing.
    prefixes: Strings,
    /// The same of how they end.
    suffixes: Strings,
    /// Each match contains one of these.
    best: Best,
    /// The loose account, where it is not what is exact.
    loose: Option<Loose>,
}

impl Node {
    fn exactly(strings: Strings) -> Node {
        Node { exact: Some(strings), ..Node::ends(Strings::new(), Strings::new()) }
    }

    fn ends(prefixes: Strings, suffixes: Strings) -> Node {
        Node { exact: None, prefixes, suffixes, best: Best::default(), loose: None }
    }

    /// A node of which nothing is known.
    fn unknown() -> Node {
        Node::ends(nothing(), nothing())
    }

    fn prefixes(&self) -> &Strings {
        self.exact.as_ref().unwrap_or(&self.prefixes)
    }

    fn suffixes(&self) -> &Strings {
        self.exact.as_ref().unwrap_or(&self.suffixes)
    }

    fn loose(&self) -> Option<(&Strings, ByteClasses)> {
        match &self.loose {
            Some(loose) => Some((&loose.strings, loose.gaps)),
            None => self.exact.as_ref().map(|exact| (exact, ByteClasses::EMPTY)),
        }
    }

    /// The best of all that is known.
    fn into_best(self) -> Best {
        let mut best = self.best;
        if let Some(exact) = self.exact {
            best.offer(exact);
        } else {
            best.offer(self.prefixes);
            best.offer(self.suffixes);
        }
        if let Some(loose) = self.loose {
            best.offer(loose.into_set());
        }
        best
    }
}

fn visit(hir: &Hir) -> Node {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Node::exactly(nothing()),
        HirKind::Literal(literal) => long(&literal.0.to_ascii_lowercase()),
        HirKind::Class(class) => members(class).map_or_else(Node::unknown, Node::exactly),
        HirKind::Capture(capture) => visit(&capture.sub),
        HirKind::Repetition(repetition) => {
            let mut node = visit(&repetition.sub);
            let inner = node.loose.take();
            let loose = match (repetition.min, repetition.max) {
                (0, Some(1)) => Loose::gap(&repetition.sub).or_else(|| inner.map(Loose::or_nothing)),
                (0, _) => Loose::gap(&repetition.sub),
                (1, Some(1)) => inner,
                _ => None,
            };
            Node { loose, ..repeated(node, repetition.min, repetition.max) }
        }
        HirKind::Concat(parts) => concatenation(parts.iter().map(visit)),
        HirKind::Alternation(branches) => alternation(branches.iter().map(visit)),
    }
}

/// A literal, cut where it is longer than strings may be.
fn long(literal: &[u8]) -> Node {
    if literal.len() <= MOST_LENGTH {
        return Node::exactly(vec![literal.to_vec()]);
    }
    let prefixes = vec![literal.get(..MOST_LENGTH).unwrap_or_default().to_vec()];
    let suffixes = vec![literal.get(literal.len() - MOST_LENGTH..).unwrap_or_default().to_vec()];
    Node::ends(prefixes, suffixes)
}

/// The members of a class, when they are few. An alternation of characters is a class of characters even here, where
/// patterns are of bytes.
fn members(class: &Class) -> Option<Strings> {
    let mut members: Strings = match class {
        Class::Bytes(class) => {
            let bytes = class.iter().flat_map(|range| range.start()..=range.end());
            let folded: ByteClasses = bytes.map(|byte| byte.to_ascii_lowercase()).collect();
            folded.iter().map(|byte| vec![byte]).collect()
        }
        Class::Unicode(class) => {
            let characters = class.iter().flat_map(|range| range.start()..=range.end()).take(MOST_MEMBERS * 2 + 1);
            characters.map(|character| character.to_ascii_lowercase().to_string().into_bytes()).collect()
        }
    };
    sort(&mut members);
    (members.len() <= MOST_MEMBERS).then_some(members)
}

/// A repetition, without its loose account.
fn repeated(node: Node, min: u32, max: Option<u32>) -> Node {
    if min == 0 {
        return match (node.exact, max) {
            (Some(mut exact), Some(1)) => {
                exact.push(Vec::new());
                sort(&mut exact);
                Node::exactly(exact)
            }
            _ => Node::unknown(),
        };
    }
    if min == 1 && max == Some(1) {
        return node;
    }
    let Some(exact) = node.exact else { return Node { exact: None, loose: None, ..node } };
    // What is certain is that it stands there `min` times, or as often as is still short.
    let mut certain = exact.clone();
    let mut count = 1;
    while count < min {
        let Some(next) = join(&certain, &exact) else { break };
        certain = next;
        count += 1;
    }
    if count == min && max == Some(min) {
        return Node::exactly(certain);
    }
    Node::ends(certain.clone(), certain)
}

fn concatenation(nodes: impl Iterator<Item = Node>) -> Node {
    let mut best = Best::default();
    let mut loose = LooseRun::new();
    // What the parts so far end with, and whether that is all they match.
    let mut ends = nothing();
    let mut exact = true;
    let mut prefixes: Option<Strings> = None;
    for mut node in nodes {
        best.improve(std::mem::take(&mut node.best));
        loose.add(node.loose(), &mut best);
        if let Some(part) = &node.exact
            && let Some(joined) = join(&ends, part)
        {
            // Many more strings may be little rarer.
            if joined.len() > ends.len() {
                best.offer(ends);
            }
            ends = joined;
            continue;
        }
        // The run ends here: with the beginnings of this part, if they are few enough, it is an offer.
        let run = join(&ends, node.prefixes()).unwrap_or_else(|| ends.clone());
        if exact {
            prefixes = Some(run.clone());
        }
        best.offer(ends);
        best.offer(run);
        exact = false;
        ends = node.exact.unwrap_or(node.suffixes);
    }
    let loose = loose.end(&mut best);
    if exact {
        return Node { best, loose, ..Node::exactly(ends) };
    }
    best.offer(ends.clone());
    Node { best, loose, ..Node::ends(prefixes.unwrap_or_else(nothing), ends) }
}

fn alternation(nodes: impl Iterator<Item = Node>) -> Node {
    let [mut exact, mut prefixes, mut suffixes, mut loose, mut offers]: [Option<Strings>; 5] =
        [const { Some(Vec::new()) }; 5];
    let mut gaps = ByteClasses::EMPTY;
    for node in nodes {
        unite(&mut exact, node.exact.as_ref());
        unite(&mut prefixes, Some(node.prefixes()));
        unite(&mut suffixes, Some(node.suffixes()));
        gaps = gaps.union(node.loose().map_or(ByteClasses::EMPTY, |(_, gaps)| gaps));
        unite(&mut loose, node.loose().map(|(strings, _)| strings));
        unite(&mut offers, node.into_best().into_offer().map(|offer| offer.strings).as_ref());
    }
    let [exact, prefixes, suffixes, loose, offers] = [exact, prefixes, suffixes, loose, offers].map(|mut strings| {
        strings.iter_mut().for_each(sort);
        strings
    });
    let mut best = Best::default();
    if let Some(offers) = offers {
        best.offer(offers);
    }
    let [prefixes, suffixes] = [prefixes, suffixes].map(|strings| strings.unwrap_or_else(nothing));
    let loose = loose.filter(|_| exact.is_none() || !gaps.is_empty()).map(|strings| Loose { strings, gaps });
    Node { exact, prefixes, suffixes, best, loose }
}
