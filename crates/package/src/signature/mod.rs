//! Signatures of Android packages: the JAR scheme (v1) and the APK Signature Schemes v2, v3, v3.1 and v4, with proof of
//! rotation, verified for a range of API levels (<https://source.android.com/docs/security/features/apksigning>).
//!
//! [`verify_package`] answers what the platform's own tool answers: verified means that each platform in the range installs
//! the package. Errors are why not, warnings are what it tolerates. [`observe`](observe::observe) then names what an expert
//! looks at in a verified signature, and [`Verification::relation`] compares it with a registered certificate.
//!
//! Two things are more than that tool does: a v3.1 signer with a wrong content digest is refused, and what a broken entry
//! or a too large one hides is an error of its own. Scheme v3.2 is only named.
//!
//! To add a scheme: its id in `signing_block.rs`, a file like `v3.rs`, its variant of [`Scheme`], and its place in
//! `Run::blocks` (newest first). To add a signature algorithm: a line in `algorithm.rs`.

pub mod algorithm;
pub mod certificate;
pub mod cms;
mod content;
mod cross;
mod fields;
pub mod input;
pub mod issue;
pub mod jar;
pub mod lineage;
mod merkle;
pub mod name;
pub mod observe;
mod signer;
pub mod signing_block;
pub(crate) mod time;
mod v2;
mod v3;
mod v4;
mod zip;

use std::collections::BTreeSet;
use std::fmt;

use testudo_crypto::foreign::Hash;

use self::algorithm::SignatureAlgorithm;
use self::certificate::Certificate;
use self::content::Contents;
use self::input::api;
pub use self::input::{Archive, ArchiveEntry, Demands, EntryError, Options, Platforms};
pub use self::issue::{Issue, Problem};
pub use self::jar::JarSigner;
pub use self::lineage::{Capabilities, Lineage};
use self::signing_block::{SigningBlock, id};
use self::v2::BlockOutcome;
pub use self::zip::verify_package;

/// A signature scheme.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scheme {
    /// JAR signature.
    V1,
    /// APK Signature Scheme v2.
    V2,
    /// APK Signature Scheme v3.
    V3,
    /// APK Signature Scheme v3.1.
    V31,
    /// APK Signature Scheme v4, in a file of its own.
    V4,
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scheme::V1 => "v1",
            Scheme::V2 => "v2",
            Scheme::V3 => "v3",
            Scheme::V31 => "v3.1",
            Scheme::V4 => "v4",
        })
    }
}

/// A signer of scheme v2 or later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockSigner {
    /// Its certificate.
    pub certificate: Certificate,
    /// Further certificates, which platforms keep but don't verify.
    pub chain: Vec<Certificate>,
    /// The algorithms of the signatures that were looked at.
    pub algorithms: Vec<&'static SignatureAlgorithm>,
    /// The digests that it signed, by the number of their signature algorithm.
    pub digests: Vec<(u32, Vec<u8>)>,
    /// The platforms that look at it (v3 and v3.1).
    pub platforms: Platforms,
    /// Where its certificate comes from (v3 and v3.1).
    pub lineage: Option<Lineage>,
}

impl BlockSigner {
    fn new(
        certificates: Vec<Certificate>,
        algorithms: Vec<&'static SignatureAlgorithm>,
        digests: Vec<(u32, Vec<u8>)>,
        platforms: Platforms,
        lineage: Option<Lineage>,
    ) -> Option<BlockSigner> {
        let mut certificates = certificates.into_iter();
        let certificate = certificates.next()?;
        Some(BlockSigner { certificate, chain: certificates.collect(), algorithms, digests, platforms, lineage })
    }
}

/// A source stamp: a store's note of where a package comes from. That it is there is all that is looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceStamp {
    /// What the entry `stamp-cert-sha256` holds.
    pub certificate_digest: Option<Vec<u8>>,
    /// Whether its signature is in the signing block.
    pub signed: bool,
}

/// How a signature relates to a registered certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// The package is signed with it, and by nobody else.
    Current,
    /// It is one of several signers.
    AmongOthers,
    /// It is an ancestor of the signing certificate, which it or its heirs vouched for.
    Ancestor(Capabilities),
    /// The signature doesn't verify or has nothing to do with it.
    None,
}

/// What the signatures of a package are worth.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verification {
    /// Whether each platform of the range accepts the package.
    pub verified: bool,
    /// The schemes whose signatures are right, as far as they were looked at.
    pub schemes: BTreeSet<Scheme>,
    /// Signers of scheme v1.
    pub v1: Vec<JarSigner>,
    /// Signers of scheme v2.
    pub v2: Vec<BlockSigner>,
    /// Signers of scheme v3.
    pub v3: Vec<BlockSigner>,
    /// Signers of scheme v3.1.
    pub v31: Vec<BlockSigner>,
    /// Signers of scheme v4.
    pub v4: Vec<BlockSigner>,
    /// The certificates from the first to the one of today.
    pub lineage: Option<Lineage>,
    /// Ids and sizes of what is in the signing block.
    pub blocks: Vec<(u32, usize)>,
    /// The source stamp, if there is anything of one.
    pub source_stamp: Option<SourceStamp>,
    /// Why the package is refused.
    pub errors: Vec<Problem>,
    /// What is odd, but tolerated.
    pub warnings: Vec<Problem>,
    /// Block files of v1 signers that platforms ignore.
    pub ignored_signers: Vec<String>,
    /// Entries that a JAR signature doesn't protect.
    pub unprotected: Vec<String>,
    /// Hash functions that the JAR signature relies on.
    pub jar_digests: BTreeSet<Hash>,
}

impl Verification {
    /// The certificates by which the newest platforms of the range know the package; none unless it is verified.
    pub fn signers<'a>(&'a self) -> Vec<&'a Certificate> {
        if !self.verified {
            return Vec::new();
        }
        let newest = |signers: &'a [BlockSigner]| signers.last().map(|signer| &signer.certificate);
        if self.schemes.contains(&Scheme::V31) {
            newest(&self.v31).into_iter().collect()
        } else if self.schemes.contains(&Scheme::V3) {
            newest(&self.v3).into_iter().collect()
        } else if self.schemes.contains(&Scheme::V2) {
            self.v2.iter().map(|signer| &signer.certificate).collect()
        } else {
            self.v1.iter().map(|signer| &signer.certificate).collect()
        }
    }

    /// How the package relates to the certificate with this SHA-256 digest.
    pub fn relation(&self, registered: &[u8; 32]) -> Relation {
        let signers = self.signers();
        if signers.iter().any(|certificate| certificate.sha256 == *registered) {
            return if signers.len() == 1 { Relation::Current } else { Relation::AmongOthers };
        }
        let nodes = self.lineage.iter().filter(|_| self.verified).flat_map(|lineage| &lineage.nodes);
        let ancestor = nodes.filter(|node| node.certificate.sha256 == *registered).map(|node| node.capabilities).next();
        ancestor.map_or(Relation::None, Relation::Ancestor)
    }
}

/// Verifies the signatures of an archive that another reader gives.
pub fn verify(archive: &Archive<'_>, options: &Options<'_>) -> Verification {
    let mut run = Run { archive, options, found: BTreeSet::new(), out: Verification::default() };
    run.out.verified = run.verify().is_some() && run.out.errors.is_empty();
    run.out
}

struct Run<'a, 'b> {
    archive: &'b Archive<'a>,
    options: &'b Options<'b>,
    /// The schemes with a block that was looked at, by the numbers that stripping protection names.
    found: BTreeSet<u32>,
    out: Verification,
}

impl<'a> Run<'a, '_> {
    /// `None`: verification ended early, and the errors say why.
    fn verify(&mut self) -> Option<()> {
        let platforms = self.options.platforms;
        let block = SigningBlock::find(self.archive);
        if let Some(block) = &block {
            self.out.blocks = block.pairs.iter().map(|pair| (pair.id, pair.value.len())).collect();
        }
        if platforms.max >= api::NOUGAT {
            if let Some(block) = &block {
                self.blocks(block)?;
            }
            if let Some(file) = self.options.v4 {
                let outcome = v4::verify(self.archive.bytes, file);
                self.take(Scheme::V4, outcome)?;
            }
        }
        if platforms.max >= api::OREO {
            let Some(demands) = self.options.demands else { return self.fail(Issue::NoAndroidManifest) };
            if demands.sandbox > 1 && self.found.is_empty() {
                self.out.errors.push(Problem::of_package(Issue::SandboxNeedsV2(demands.sandbox)));
            }
        }
        if platforms.min < api::NOUGAT || self.found.is_empty() {
            self.jar();
        }
        self.unless_errors()?;
        self.source_stamp(block.as_ref())?;
        cross::check(&mut self.out, self.options);
        self.unless_errors()
    }

    /// The schemes of the signing block, newest first; the older ones only where a platform of the range needs them.
    fn blocks(&mut self, block: &SigningBlock<'a>) -> Option<()> {
        let platforms = self.options.platforms;
        let mut contents = Contents::new(self.archive, block);
        if block.get(id::V32).is_some() && platforms.max >= 37 {
            self.out.warnings.push(Problem::of_package(Issue::NewerScheme));
        }
        let mut rotation = None;
        if let Some(value) = block.get(id::V31).filter(|_| platforms.max >= api::TIRAMISU) {
            let rules =
                v3::Rules { scheme: Scheme::V31, platforms: platforms.not_below(api::TIRAMISU), rotation: None };
            let (outcome, lineage) = v3::verify(value, &mut contents, rules);
            rotation = outcome.signers.iter().map(|signer| signer.platforms.min).min();
            self.found.insert(31);
            self.out.lineage = lineage;
            self.take(Scheme::V31, outcome)?;
        }
        // Signers of v3.1 begin at a level of their own, so v3 counts beside them.
        if platforms.max >= api::PIE {
            if let Some(value) = block.get(id::V3) {
                let rules = v3::Rules { scheme: Scheme::V3, platforms: platforms.not_below(api::PIE), rotation };
                let (outcome, lineage) = v3::verify(value, &mut contents, rules);
                self.found.insert(3);
                self.out.lineage = self.out.lineage.take().or(lineage);
                self.take(Scheme::V3, outcome)?;
            } else if self.found.contains(&31) {
                return self.fail(Issue::RotationWithoutV3);
            }
        }
        let needs_v2 = platforms.min < api::PIE || self.found.is_empty();
        if let Some(value) = block.get(id::V2).filter(|_| needs_v2) {
            let platforms = platforms.not_below(api::NOUGAT);
            let outcome = v2::verify(value, &mut contents, platforms, &self.found, self.known());
            self.found.insert(2);
            self.take(Scheme::V2, outcome)?;
        }
        Some(())
    }

    fn jar(&mut self) {
        let others = jar::Others { found: &self.found, known: self.known() };
        let outcome = jar::verify(self.archive, self.options, others);
        if outcome.verified {
            self.out.schemes.insert(Scheme::V1);
        }
        self.out.v1 = outcome.signers;
        self.out.ignored_signers = outcome.ignored;
        self.out.unprotected = outcome.unprotected;
        self.out.jar_digests = outcome.digests;
        self.out.errors.extend(outcome.errors);
        self.out.warnings.extend(outcome.warnings);
    }

    fn source_stamp(&mut self, block: Option<&SigningBlock<'_>>) -> Option<()> {
        const STAMP: &str = "stamp-cert-sha256";
        let signed = block
            .is_some_and(|block| block.get(id::SOURCE_STAMP_V2).is_some() || block.get(id::SOURCE_STAMP_V1).is_some());
        let entry = self.archive.entries.iter().position(|entry| entry.name == STAMP);
        let certificate_digest = match entry.map(|at| (self.archive.read)(at, self.options.entry_limit)) {
            Some(Ok(digest)) => Some(digest.into_owned()),
            Some(Err(error)) => {
                let issue = Issue::from(error);
                self.out.errors.push(Problem { scheme: None, place: STAMP.to_owned(), issue });
                return None;
            }
            None => None,
        };
        if signed || certificate_digest.is_some() {
            self.out.source_stamp = Some(SourceStamp { certificate_digest, signed });
        }
        Some(())
    }

    /// The schemes that stripping protection can speak of on these platforms.
    fn known(&self) -> &'static [u32] {
        match self.options.platforms.max {
            api::PIE.. => &[2, 3],
            api::NOUGAT.. => &[2],
            _ => &[],
        }
    }

    fn take(&mut self, scheme: Scheme, outcome: BlockOutcome) -> Option<()> {
        let BlockOutcome { verified, signers, errors, warnings } = outcome;
        if verified {
            self.out.schemes.insert(scheme);
        }
        match scheme {
            Scheme::V1 => {}
            Scheme::V2 => self.out.v2 = signers,
            Scheme::V3 => self.out.v3 = signers,
            Scheme::V31 => self.out.v31 = signers,
            Scheme::V4 => self.out.v4 = signers,
        }
        self.out.warnings.extend(warnings);
        self.out.errors.extend(errors);
        self.unless_errors()
    }

    fn fail<T>(&mut self, issue: Issue) -> Option<T> {
        self.out.errors.push(Problem::of_package(issue));
        None
    }

    fn unless_errors(&self) -> Option<()> {
        self.out.errors.is_empty().then_some(())
    }
}
