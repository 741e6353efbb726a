//! What a rule looks at, compiled: which lanes of a transaction, which of their items, and which not.

use regex_automata::meta::Regex;
use smallvec::{SmallVec, smallvec};

use crate::seclang::{Selector, Store, Target, Variable};
use crate::values::ValueId;

/// A list of items of a transaction: a collection as it was sent, or a single text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Lane(u8);

impl Lane {
    /// The values of attributes of an XML body.
    pub(crate) const XML_ATTRIBUTES: Lane = Lane(u8::MAX);
    /// How many there are.
    pub(crate) const COUNT: usize = Variable::ALL.len() + 1;

    /// The lane that this variable reads.
    pub(crate) const fn of(variable: Variable) -> Lane {
        Lane(variable as u8)
    }

    /// Its place in a list of all.
    #[inline]
    pub(crate) const fn index(self) -> usize {
        if self.0 == u8::MAX { Variable::ALL.len() } else { self.0 as usize }
    }
}

/// A lane, and whether its names are read rather than its values.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Reading {
    pub(crate) lane: Lane,
    pub(crate) names: bool,
}

/// Where the values come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// What the request or the response said: fixed during a phase.
    Lanes(SmallVec<[Reading; 2]>),
    /// A collection that rules write to.
    Store(Store),
    Env,
    MatchedVar,
    MatchedVarName,
    MatchedVars,
    MatchedVarsNames,
    Rule,
    HighestSeverity,
}

impl Source {
    fn of(variable: Variable, xpath: Option<&str>) -> Source {
        let values = |variable| Reading { lane: Lane::of(variable), names: false };
        let names = |variable| Reading { lane: Lane::of(variable), names: true };
        let attributes = Reading { lane: Lane::XML_ATTRIBUTES, names: false };
        Source::Lanes(match variable {
            Variable::Args => smallvec![values(Variable::ArgsGet), values(Variable::ArgsPost)],
            Variable::ArgsNames => smallvec![names(Variable::ArgsGet), names(Variable::ArgsPost)],
            Variable::ArgsGetNames => smallvec![names(Variable::ArgsGet)],
            Variable::ArgsPostNames => smallvec![names(Variable::ArgsPost)],
            Variable::RequestCookiesNames => smallvec![names(Variable::RequestCookies)],
            Variable::RequestHeadersNames => smallvec![names(Variable::RequestHeaders)],
            Variable::ResponseHeadersNames => smallvec![names(Variable::ResponseHeaders)],
            Variable::FilesNames => smallvec![names(Variable::Files)],
            Variable::Status => smallvec![values(Variable::ResponseStatus)],
            Variable::RemoteHost => smallvec![values(Variable::RemoteAddr)],
            Variable::PathInfo => smallvec![values(Variable::RequestFilename)],
            Variable::Xml => match xpath {
                Some("//@*") => smallvec![attributes],
                Some(_) => smallvec![values(Variable::Xml)],
                None => smallvec![values(Variable::Xml), attributes],
            },
            Variable::Env => return Source::Env,
            Variable::MatchedVar => return Source::MatchedVar,
            Variable::MatchedVarName => return Source::MatchedVarName,
            Variable::MatchedVars => return Source::MatchedVars,
            Variable::MatchedVarsNames => return Source::MatchedVarsNames,
            Variable::Rule => return Source::Rule,
            Variable::HighestSeverity => return Source::HighestSeverity,
            _ => {
                if let Some(store) = Store::of(variable) {
                    return Source::Store(store);
                }
                smallvec![values(variable)]
            }
        })
    }
}

/// Which items are meant.
#[derive(Clone, Debug)]
pub(crate) enum Pick {
    All,
    /// The one of this name in lower case, which every transaction has at this place of its table.
    Name(ValueId, Box<[u8]>),
    Pattern(Regex),
}

impl Pick {
    /// Compiles a selector; `intern` gives names their place.
    pub(crate) fn of(selector: &Selector, intern: &mut impl FnMut(&[u8]) -> ValueId) -> Pick {
        match selector {
            Selector::All => Pick::All,
            Selector::Name(name) => Pick::Name(intern(name.as_bytes()), name.as_bytes().into()),
            Selector::Pattern(_, regex) => Pick::Pattern(regex.clone()),
        }
    }

    /// Whether an item of this name is meant.
    #[inline]
    pub(crate) fn takes(&self, lower: ValueId, name: impl FnOnce() -> Vec<u8>) -> bool {
        match self {
            Pick::All => true,
            Pick::Name(wanted, _) => *wanted == lower,
            Pick::Pattern(regex) => regex.is_match(&name()),
        }
    }

    /// The same by the name's bytes.
    pub(crate) fn takes_bytes(&self, name: &[u8]) -> bool {
        match self {
            Pick::All => true,
            Pick::Name(_, wanted) => name.eq_ignore_ascii_case(wanted),
            Pick::Pattern(regex) => regex.is_match(name),
        }
    }
}

/// One of a rule's variables with all that is left out of it.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) variable: Variable,
    pub(crate) source: Source,
    pub(crate) pick: Pick,
    /// The slot of a member of `TX`.
    pub(crate) slot: Option<usize>,
    /// The slots of all members of `TX` that a pattern selects.
    pub(crate) slots: Vec<usize>,
    /// Whether it asks all slots, for it was compiled before they were known.
    pub(crate) open: bool,
    pub(crate) count: bool,
    pub(crate) except: Vec<Pick>,
}

impl View {
    /// A variable with its selector.
    pub(crate) fn of(target: &Target, intern: &mut impl FnMut(&[u8]) -> ValueId) -> View {
        let xpath = match (&target.selector, target.variable) {
            (Selector::Name(path), Variable::Xml) => Some(&**path),
            _ => None,
        };
        View {
            variable: target.variable,
            source: Source::of(target.variable, xpath),
            pick: Pick::of(&target.selector, intern),
            slot: None,
            slots: Vec::new(),
            open: false,
            count: target.count,
            except: Vec::new(),
        }
    }

    /// The variables of a rule. What is left out as a whole is not among them.
    pub(crate) fn all(targets: &[Target], intern: &mut impl FnMut(&[u8]) -> ValueId) -> Vec<View> {
        let mut views: Vec<View> = Vec::new();
        for target in targets.iter().filter(|target| !target.exclude) {
            let excluded = |other: &&Target| {
                other.exclude
                    && other.variable == target.variable
                    && (other.selector == Selector::All || other.selector == target.selector)
            };
            if targets.iter().any(|other| excluded(&other)) {
                continue;
            }
            let mut view = View::of(target, intern);
            for other in targets.iter().filter(|other| other.exclude && other.variable == target.variable) {
                view.except.push(Pick::of(&other.selector, intern));
            }
            views.push(view);
        }
        views
    }

    /// Whether what it reads is fixed during a phase.
    pub(crate) fn readings(&self) -> Option<&[Reading]> {
        match &self.source {
            Source::Lanes(readings) => Some(readings),
            _ => None,
        }
    }
}
