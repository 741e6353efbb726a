//! Patterns of kinds: what they begin with, and their anchored DFA, built when it is first needed.

use std::sync::OnceLock;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, HirKind};

/// The most bytes that a pattern without an end of its own reads from where it starts.
const LONGEST: usize = 8 * 1024;

/// The most memory of one DFA, in bytes.
const DFA_LIMIT: usize = 8 << 20;

/// A pattern that is matched from one place on.
pub(super) struct Pattern {
    source: String,
    longest: usize,
    dfa: OnceLock<Option<dense::DFA<Vec<u32>>>>,
}

impl Pattern {
    /// A pattern of bytes, with the literals that it begins with.
    pub(super) fn new(source: &str) -> Result<(Pattern, Vec<Vec<u8>>), String> {
        let hir = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(source);
        let hir = hir.map_err(|error| error.to_string())?;
        let longest = hir.properties().maximum_len().unwrap_or(LONGEST).min(LONGEST);
        let pattern = Pattern { source: source.to_owned(), longest, dfa: OnceLock::new() };
        Ok((pattern, prefixes(&hir)))
    }

    /// Where a match ends that starts at `from`. Also says how many bytes may have been read.
    pub(super) fn end(&self, bytes: &[u8], from: usize) -> (Option<usize>, usize) {
        let Some(dfa) = self.dfa() else { return (None, 0) };
        let to = from.saturating_add(self.longest).saturating_add(1).min(bytes.len());
        if from >= to {
            return (None, 0);
        }
        let input = Input::new(bytes).range(from..to).anchored(Anchored::Yes);
        let end = dfa.try_search_fwd(&input).ok().flatten().map(|half| half.offset());
        (end, end.map_or(self.longest.min(64), |end| end - from))
    }

    /// The bytes of the DFA, or nothing if it can't be built within the limit.
    pub(super) fn size(&self) -> Option<usize> {
        self.dfa().map(dense::DFA::memory_usage)
    }

    fn dfa(&self) -> Option<&dense::DFA<Vec<u32>>> {
        self.dfa
            .get_or_init(|| {
                dense::Builder::new()
                    .configure(
                        dense::Config::new()
                            .start_kind(StartKind::Anchored)
                            .dfa_size_limit(Some(DFA_LIMIT))
                            .determinize_size_limit(Some(4 * DFA_LIMIT)),
                    )
                    .thompson(thompson::Config::new().utf8(false))
                    .syntax(syntax::Config::new().unicode(false).utf8(false))
                    .build(&self.source)
                    .ok()
            })
            .as_ref()
    }
}

/// The literals that a match begins with: classes are spelt out only where else fewer than three bytes would be known.
fn prefixes(hir: &Hir) -> Vec<Vec<u8>> {
    for classes in [1, 16] {
        let literals = Extractor::new().limit_class(classes).limit_total(400).extract(hir);
        let literals: Vec<Vec<u8>> =
            literals.literals().unwrap_or_default().iter().map(|literal| literal.as_bytes().to_vec()).collect();
        if classes == 16 || literals.iter().all(|literal| literal.len() >= 3) && !literals.is_empty() {
            return literals.into_iter().filter(|literal| !literal.is_empty()).collect();
        }
    }
    Vec::new()
}

/// Whether the pattern holds a class with both `+` and `/`, so that those go on a word of it.
pub(super) fn reads_base64(source: &str) -> bool {
    source.contains("+/") || source.contains("/+")
}

/// How many bytes at the start of a match are the same in all of them.
pub(super) fn fixed_prefix(source: &str) -> usize {
    let Ok(hir) = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(source) else { return 0 };
    match hir.kind() {
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Concat(parts) => match parts.first().map(Hir::kind) {
            Some(HirKind::Literal(literal)) => literal.0.len(),
            _ => 0,
        },
        _ => 0,
    }
}
