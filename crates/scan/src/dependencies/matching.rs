//! Components against an index: which of them have known vulnerabilities, what fixes them, and whether the app's code
//! reaches them.

use std::collections::BTreeMap;

use super::cvss::Level;
use super::embedded::prefixes;
use super::index::{Affected, Index, IndexError};
use super::{Component, Ecosystem};

/// Whether code of a component is reached from the app's entry points.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reach {
    /// Some of it is.
    Reached,
    /// It was not looked at, or can't be told.
    Unknown,
    /// It is there, but nothing leads to it.
    Unreached,
    /// None of it is in the package.
    Absent,
}

impl Reach {
    /// The word that reports write.
    pub fn name(self) -> &'static str {
        match self {
            Reach::Reached => "reached",
            Reach::Unknown => "unknown",
            Reach::Unreached => "unreached",
            Reach::Absent => "absent",
        }
    }
}

/// A known vulnerability of a component.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vulnerability {
    /// The component's position.
    pub component: u32,
    /// The identifier: of GitHub if there is one, else the first known.
    pub id: String,
    /// Its other identifiers, CVE among them.
    pub aliases: Vec<String>,
    /// One line.
    pub summary: String,
    /// How bad it is.
    pub level: Option<Level>,
    /// The CVSS base score in tenths.
    pub score: Option<u8>,
    /// The CVSS vector.
    pub vector: Option<String>,
    /// CWE numbers.
    pub weaknesses: Vec<u32>,
    /// The versions that have it: `>= 1.0, < 1.2.3`.
    pub affected: String,
    /// The nearest version without it.
    pub fixed: Option<String>,
    /// When it was published, in seconds since 1970; 0 when unknown.
    pub published: i64,
    /// When its record was changed, in seconds since 1970.
    pub modified: i64,
    /// Whether the app's code reaches the component.
    pub reach: Reach,
    /// Under which name it is recorded, where it is not the component's own.
    pub known_as: Option<(Ecosystem, String)>,
}

/// Finds the vulnerabilities of components, ordered by component, then worst first.
///
/// `reach` answers for a package prefix of code such as `okhttp3.`: whether code of it is reached. It is asked only for
/// components with a vulnerability, of which the prefixes are known.
pub fn matches(
    components: &[Component],
    index: &Index<'_>,
    reach: &dyn Fn(&str) -> Reach,
) -> Result<Vec<Vulnerability>, IndexError> {
    let mut all = Vec::new();
    for (position, component) in (0u32..).zip(components) {
        let mut found = Vec::new();
        for (ecosystem, name) in names(component) {
            for affected in index.affected(ecosystem, &name)? {
                let affected = affected?;
                if let Some(vulnerability) = meet(position, component, &affected, index)? {
                    let own = ecosystem == component.ecosystem && name == component.name;
                    found.push(Vulnerability { known_as: (!own).then(|| (ecosystem, name.clone())), ..vulnerability });
                }
            }
        }
        if found.is_empty() {
            continue;
        }
        let reached = prefixes(component).into_iter().map(|prefix| reach(&prefix)).min().unwrap_or(Reach::Unknown);
        for vulnerability in &mut found {
            vulnerability.reach = reached;
        }
        all.append(&mut one_each(found));
    }
    Ok(all)
}

/// The vulnerability, if the component's version has it.
fn meet(
    position: u32,
    component: &Component,
    affected: &Affected<'_>,
    index: &Index<'_>,
) -> Result<Option<Vulnerability>, IndexError> {
    let hit = match &component.version {
        Some(version) => affected.has(version),
        None => affected.ranges.iter().any(super::index::Range::has_all),
    };
    if !hit {
        return Ok(None);
    }
    let version = component.version.as_deref().unwrap_or_default();
    let advisory = index.advisory(affected.advisory)?;
    let mut holding: Vec<_> = affected.ranges.iter().filter(|range| range.has(version) || range.has_all()).collect();
    if holding.is_empty() {
        holding = affected.ranges.iter().collect();
    }
    let mut shown: Vec<String> = holding.iter().map(|range| range.shown()).collect();
    shown.dedup();
    if shown.is_empty() {
        shown.push(format!("= {version}"));
    }
    let scheme = component.ecosystem.scheme();
    let fixed = holding.iter().filter_map(|range| range.fixed_above(version)).min_by(|a, b| scheme.compare(a, b));
    Ok(Some(Vulnerability {
        component: position,
        id: advisory.id.into_owned(),
        aliases: advisory.aliases.into_iter().map(std::borrow::Cow::into_owned).collect(),
        summary: advisory.summary.to_owned(),
        level: advisory.level,
        score: advisory.score,
        vector: advisory.vector.map(str::to_owned),
        weaknesses: advisory.weaknesses,
        affected: shown.join(" || "),
        fixed: fixed.map(str::to_owned),
        published: advisory.published,
        modified: advisory.modified,
        reach: Reach::Unknown,
        known_as: None,
    }))
}

/// Joins records of one vulnerability, which share an identifier, and orders them.
fn one_each(found: Vec<Vulnerability>) -> Vec<Vulnerability> {
    let mut groups: Vec<Option<Vulnerability>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for one in found {
        let mut joined = one;
        // All groups with one of its identifiers become one.
        let ids = std::iter::once(&joined.id).chain(&joined.aliases);
        let mut touched: Vec<usize> = ids.filter_map(|id| known.get(id).copied()).collect();
        touched.sort_unstable();
        touched.dedup();
        for group in touched {
            if let Some(other) = groups.get_mut(group).and_then(Option::take) {
                joined = join(other, joined);
            }
        }
        let place = groups.len();
        for id in std::iter::once(&joined.id).chain(&joined.aliases) {
            known.insert(id.clone(), place);
        }
        groups.push(Some(joined));
    }
    let mut all: Vec<Vulnerability> = groups.into_iter().flatten().collect();
    all.sort_by(|one, other| (other.level, other.score, &one.id).cmp(&(one.level, one.score, &other.id)));
    all
}

/// Joins two records of one vulnerability; the one of the better-known database leads.
fn join(one: Vulnerability, other: Vulnerability) -> Vulnerability {
    let (mut lead, rest) = if rank(&one.id) <= rank(&other.id) { (one, other) } else { (other, one) };
    let ids = std::iter::once(rest.id).chain(rest.aliases);
    let new: Vec<String> = ids.filter(|id| *id != lead.id && !lead.aliases.contains(id)).collect();
    lead.aliases.extend(new);
    lead.aliases.sort();
    if lead.score.is_none() {
        lead.score = rest.score;
        lead.vector = rest.vector;
        lead.level = rest.level.or(lead.level);
    }
    lead.fixed = lead.fixed.or(rest.fixed);
    if lead.weaknesses.is_empty() {
        lead.weaknesses = rest.weaknesses;
    }
    if lead.summary.is_empty() {
        lead.summary = rest.summary;
    }
    lead
}

fn rank(id: &str) -> u8 {
    ["GHSA-", "CVE-", "RUSTSEC-", "MAL-"]
        .iter()
        .position(|prefix| id.starts_with(prefix))
        .map_or(9, |at| u8::try_from(at).unwrap_or(9))
}

/// Pods that are Swift packages too: advisories name the repository.
const PODS: &[(&str, &str)] = &[
    ("AFNetworking", "github.com/AFNetworking/AFNetworking"),
    ("Alamofire", "github.com/Alamofire/Alamofire"),
    ("AppAuth", "github.com/openid/AppAuth-iOS"),
    ("BoringSSL-GRPC", "github.com/google/boringssl"),
    ("CocoaLumberjack", "github.com/CocoaLumberjack/CocoaLumberjack"),
    ("CryptoSwift", "github.com/krzyzanowskim/CryptoSwift"),
    ("FBSDKCoreKit", "github.com/facebook/facebook-ios-sdk"),
    ("Firebase", "github.com/firebase/firebase-ios-sdk"),
    ("FirebaseCore", "github.com/firebase/firebase-ios-sdk"),
    ("FMDB", "github.com/ccgus/fmdb"),
    ("GRDB.swift", "github.com/groue/GRDB.swift"),
    ("gRPC-Core", "github.com/grpc/grpc"),
    ("gRPC-Swift", "github.com/grpc/grpc-swift"),
    ("KeychainAccess", "github.com/kishikawakatsumi/KeychainAccess"),
    ("Kingfisher", "github.com/onevcat/Kingfisher"),
    ("libwebp", "github.com/webmproject/libwebp"),
    ("lottie-ios", "github.com/airbnb/lottie-ios"),
    ("MBProgressHUD", "github.com/jdg/MBProgressHUD"),
    ("Moya", "github.com/Moya/Moya"),
    ("nanopb", "github.com/nanopb/nanopb"),
    ("OpenSSL-Universal", "github.com/krzyzanowskim/OpenSSL"),
    ("PromiseKit", "github.com/mxcl/PromiseKit"),
    ("Realm", "github.com/realm/realm-swift"),
    ("RealmSwift", "github.com/realm/realm-swift"),
    ("RxSwift", "github.com/ReactiveX/RxSwift"),
    ("SDWebImage", "github.com/SDWebImage/SDWebImage"),
    ("Sentry", "github.com/getsentry/sentry-cocoa"),
    ("SnapKit", "github.com/SnapKit/SnapKit"),
    ("SocketRocket", "github.com/facebookincubator/SocketRocket"),
    ("SQLite.swift", "github.com/stephencelis/SQLite.swift"),
    ("SSZipArchive", "github.com/ZipArchive/ZipArchive"),
    ("Starscream", "github.com/daltoniam/Starscream"),
    ("SwiftProtobuf", "github.com/apple/swift-protobuf"),
    ("SwiftyJSON", "github.com/SwiftyJSON/SwiftyJSON"),
];

/// The names under which a component may be recorded.
fn names(component: &Component) -> Vec<(Ecosystem, String)> {
    let mut names = vec![(component.ecosystem, component.name.clone())];
    match component.ecosystem {
        Ecosystem::CocoaPods => {
            let listed = PODS.iter().find(|(pod, _)| *pod == component.name).map(|(_, url)| (*url).to_owned());
            let own = component.origin.as_deref().filter(|origin| origin.contains("://"));
            let own = own.map(|origin| super::address::name(origin.split_once('#').map_or(origin, |(url, _)| url)));
            names.extend(own.or(listed).map(|url| (Ecosystem::SwiftUrl, url)));
        }
        Ecosystem::Carthage => names.push((Ecosystem::SwiftUrl, component.name.clone())),
        Ecosystem::Native => {
            names.push((Ecosystem::ConanCenter, component.name.clone()));
            names.push((Ecosystem::Bitnami, component.name.clone()));
        }
        _ => {}
    }
    names
}
