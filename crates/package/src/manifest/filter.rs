//! Intent filters: which intents reach a component, deep links among them.

use std::borrow::Cow;

use super::names::{
    AUTO_VERIFY, HOST, MIME_TYPE, Name, ORDER, PATH, PATH_ADVANCED_PATTERN, PATH_PATTERN, PATH_PREFIX, PATH_SUFFIX,
    PORT, PRIORITY, SCHEME, SSP, SSP_ADVANCED_PATTERN, SSP_PATTERN, SSP_PREFIX, SSP_SUFFIX,
};
use super::scope::Scope;
use crate::xml::Node;

/// An intent filter. Android joins what its `data` elements say: each scheme goes with each host and each path.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct IntentFilter<'d> {
    /// The actions.
    pub actions: Vec<Cow<'d, str>>,
    /// The categories.
    pub categories: Vec<Cow<'d, str>>,
    /// What `data` elements say, one by one.
    pub data: Vec<Data<'d>>,
    /// Higher comes first.
    pub priority: i64,
    /// The order among filters of the same priority.
    pub order: i64,
    /// Whether the links are to be verified with their hosts.
    pub auto_verify: bool,
    /// The number of the element in the document.
    pub node: u32,
}

/// What one `data` element says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Data<'d> {
    /// The scheme.
    pub scheme: Option<Cow<'d, str>>,
    /// The host.
    pub host: Option<Cow<'d, str>>,
    /// The port.
    pub port: Option<Cow<'d, str>>,
    /// The paths.
    pub paths: Vec<(Match, Cow<'d, str>)>,
    /// The scheme-specific parts.
    pub parts: Vec<(Match, Cow<'d, str>)>,
    /// The media type.
    pub mime_type: Option<Cow<'d, str>>,
}

/// How text is matched.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Match {
    /// It is equal.
    Exact,
    /// It begins so.
    Prefix,
    /// It ends so.
    Suffix,
    /// It matches a pattern with `.` and `*`.
    Pattern,
    /// It matches a pattern with classes and ranges too.
    AdvancedPattern,
}

/// The attributes that name paths, with how each is matched.
pub(super) const PATHS: [(Match, Name); 5] = [
    (Match::Exact, PATH),
    (Match::Prefix, PATH_PREFIX),
    (Match::Suffix, PATH_SUFFIX),
    (Match::Pattern, PATH_PATTERN),
    (Match::AdvancedPattern, PATH_ADVANCED_PATTERN),
];
const PARTS: [(Match, Name); 5] = [
    (Match::Exact, SSP),
    (Match::Prefix, SSP_PREFIX),
    (Match::Suffix, SSP_SUFFIX),
    (Match::Pattern, SSP_PATTERN),
    (Match::AdvancedPattern, SSP_ADVANCED_PATTERN),
];

impl<'d> IntentFilter<'d> {
    pub(super) fn read(scope: &mut Scope<'d>, node: Node<'d>) -> IntentFilter<'d> {
        IntentFilter {
            actions: scope.names(node, "action"),
            categories: scope.names(node, "category"),
            data: node.named("data").map(|data| Data::read(scope, data)).collect(),
            priority: scope.number(node, PRIORITY).unwrap_or(0),
            order: scope.number(node, ORDER).unwrap_or(0),
            auto_verify: scope.flag(node, AUTO_VERIFY).unwrap_or(false),
            node: node.index(),
        }
    }

    /// Whether it has this action.
    pub fn has_action(&self, action: &str) -> bool {
        self.actions.iter().any(|own| own == action)
    }

    /// Whether it has this category.
    pub fn has_category(&self, category: &str) -> bool {
        self.categories.iter().any(|own| own == category)
    }

    /// The schemes, in order.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.data.iter().filter_map(|data| data.scheme.as_deref())
    }

    /// The hosts, in order.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.data.iter().filter_map(|data| data.host.as_deref())
    }

    /// The paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = (Match, &str)> {
        self.data.iter().flat_map(|data| &data.paths).map(|(kind, path)| (*kind, path.as_ref()))
    }

    /// Whether a link, in a browser for example, opens it: it views, is browsable, and has a scheme.
    pub fn is_deep_link(&self) -> bool {
        self.has_action("android.intent.action.VIEW")
            && self.has_category("android.intent.category.BROWSABLE")
            && self.schemes().next().is_some()
    }

    /// Whether a link of the web opens it, which Android lets an app claim when it is verified.
    pub fn is_web_link(&self) -> bool {
        self.is_deep_link() && self.schemes().any(|scheme| matches!(scheme, "http" | "https"))
    }

    /// Whether the app is started from the home screen with it.
    pub fn is_launcher(&self) -> bool {
        self.has_action("android.intent.action.MAIN") && self.has_category("android.intent.category.LAUNCHER")
    }
}

impl<'d> Data<'d> {
    pub(super) fn read(scope: &Scope<'d>, node: Node<'d>) -> Data<'d> {
        let all = |names: &[(Match, Name)]| {
            names.iter().filter_map(|(kind, name)| Some((*kind, scope.text(node, *name)?))).collect()
        };
        Data {
            scheme: scope.text(node, SCHEME),
            host: scope.text(node, HOST),
            port: scope.text(node, PORT),
            paths: all(&PATHS),
            parts: all(&PARTS),
            mime_type: scope.text(node, MIME_TYPE),
        }
    }
}
