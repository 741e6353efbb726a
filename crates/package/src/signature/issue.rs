//! What is wrong with a signature, in the words of the scheme's specification.

use thiserror::Error;

use super::Scheme;
use super::certificate::CertificateError;
use super::cms::CmsError;
use super::fields::FieldError;
use super::input::EntryError;
use super::jar::manifest::Base64Error;
use testudo_crypto::foreign::{Hash, KeyError, Refusal};

/// An issue and where it is.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("{}{place}: {issue}", scheme.map_or(String::new(), |scheme| format!("{scheme}, ")))]
pub struct Problem {
    /// The scheme that it belongs to; `None` if it is about the package.
    pub scheme: Option<Scheme>,
    /// The file, entry or signer.
    pub place: String,
    /// What is wrong.
    pub issue: Issue,
}

impl Problem {
    /// An issue of a scheme at a place.
    pub fn new(scheme: Scheme, place: impl Into<String>, issue: impl Into<Issue>) -> Problem {
        Problem { scheme: Some(scheme), place: place.into(), issue: issue.into() }
    }

    /// An issue of the package as a whole.
    pub fn of_package(issue: Issue) -> Problem {
        Problem { scheme: None, place: "package".to_owned(), issue }
    }
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Issue {
    /// What is there is no archive to the platform's verifier.
    #[error("not an archive that Android's verifier reads: its end, its count or its offsets are wrong")]
    Archive,
    /// No scheme that the platforms know has a signature here.
    #[error("no manifest: the package has no META-INF/MANIFEST.MF, so it isn't signed with the JAR scheme")]
    NoManifest,
    /// The archive has no readable `AndroidManifest.xml`.
    #[error("no readable AndroidManifest.xml, which every installer needs")]
    NoAndroidManifest,
    /// The manifest asks for a sandbox that a JAR signature can't give.
    #[error("target sandbox version {0} needs a signature of the whole file (v2 or later)")]
    SandboxNeedsV2(u32),
    /// The manifest's target asks for a later scheme.
    #[error("target API level {0} needs a signature of the whole file (v2 or later)")]
    TargetNeedsV2(u32),
    /// An entry can't be read.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The entries together are larger than what is read.
    #[error("entries are larger than {0} bytes in all; the rest was not read")]
    TooMuch(usize),
    /// Two entries have one name.
    #[error("duplicate entry name")]
    DuplicateEntry,
    /// A manifest section has no name.
    #[error("section {0} has no `Name` as its first attribute")]
    UnnamedSection(usize),
    /// Two sections have one name.
    #[error("duplicate section for entry `{0}`")]
    DuplicateSection(String),
    /// The manifest names what is not there.
    #[error("entry of the manifest is missing from the package")]
    MissingEntry,
    /// A block without its signature file.
    #[error("signature block without its signature file `{0}`")]
    MissingSignatureFile(String),
    /// There are no signature blocks, or none counts.
    #[error("no JAR signatures")]
    NoSignatures,
    /// The PKCS #7 structure is broken.
    #[error(transparent)]
    Cms(#[from] CmsError),
    /// A certificate is broken.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The `SignedData` has no `SignerInfo`.
    #[error("signature block has no signers")]
    NoSignerInfos,
    /// No `SignerInfo` verified.
    #[error("signature did not verify against the signature file")]
    SignatureFileMismatch,
    /// Some platforms of the range don't know the algorithms.
    #[error("digest {digest} with signature {signature} isn't supported on API levels {levels}")]
    UnsupportedJarAlgorithm {
        /// The digest algorithm or its object identifier.
        digest: String,
        /// The signature algorithm or its object identifier.
        signature: String,
        /// The API levels that don't support it.
        levels: String,
    },
    /// The certificate that the `SignerInfo` names is not there.
    #[error("signing certificate that the signer names isn't in the signature block")]
    SigningCertificateMissing,
    /// The certificate has a critical extension that platforms don't know.
    #[error("signing certificate has an unsupported critical extension")]
    CriticalExtension,
    /// The certificate is not for signatures.
    #[error("signing certificate isn't for digital signatures (key usage)")]
    KeyUsage,
    /// Signed attributes protect nothing there.
    #[error("signed attributes aren't checked on API levels below 19")]
    SignedAttributesBelowKitkat,
    /// Signed attributes lack what makes them bind.
    #[error("signed attributes have no {0}")]
    SignedAttributeMissing(&'static str),
    /// The signature file is no signature file.
    #[error("signature file has no `Signature-Version`")]
    NoSignatureVersion,
    /// The signature file says that later schemes signed, too.
    #[error("signature of scheme v{0} was stripped: `X-Android-APK-Signed` names it")]
    JarSaysStripped(u32),
    /// The signature file doesn't protect from stripping.
    #[error("no `X-Android-APK-Signed`: the signatures of later schemes can be stripped")]
    NoStrippingProtection,
    /// A scheme id that isn't known.
    #[error("unknown signature scheme id {0}")]
    UnknownSchemeId(u32),
    /// The digest of the manifest is wrong: its sections are looked at one by one.
    #[error("{0} digest of the whole manifest doesn't match")]
    ManifestDigest(Hash),
    /// The signature file has no digest of the manifest.
    #[error("no digest of the whole manifest")]
    NoManifestDigest,
    /// The digest of the manifest's main section is wrong.
    #[error("{0} digest of the manifest's main section doesn't match")]
    MainSectionDigest(Hash),
    /// The digest of a manifest section is wrong.
    #[error("{hash} digest of the manifest section of `{entry}` doesn't match")]
    SectionDigest {
        /// The hash function.
        hash: Hash,
        /// The section's entry.
        entry: String,
    },
    /// The signature file has no digest of a section.
    #[error("no digest of the manifest section of `{0}`")]
    NoSectionDigest(String),
    /// A digest isn't base64.
    #[error("digest is not base64")]
    Base64(#[from] Base64Error),
    /// The entry is not in the manifest.
    #[error("entry has no digest in the manifest")]
    NoEntryDigest,
    /// The entry is in the manifest but in no signature file.
    #[error("entry isn't signed")]
    EntryNotSigned,
    /// Entries are signed by different signers.
    #[error("entry is signed by other signers than `{0}`")]
    EntrySigners(String),
    /// The contents changed.
    #[error("{0} digest of the entry doesn't match the manifest")]
    EntryDigest(Hash),
    /// Nothing is signed.
    #[error("no entry is signed")]
    NothingSigned,
    /// Nothing in the signature protects this entry.
    #[error("entry isn't protected by the signature: it can change without notice")]
    Unprotected,
    /// A field is cut.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// There are no signers.
    #[error("no signers")]
    NoSigners,
    /// A signer has no signatures.
    #[error("signer has no signatures")]
    NoSignerSignatures,
    /// A signature algorithm that isn't known.
    #[error("unknown signature algorithm {0:#06x}")]
    UnknownAlgorithm(u32),
    /// There are signatures, but none that all platforms of the range support.
    #[error("no signature with an algorithm that all platforms of the range support")]
    NoSupportedSignatures,
    /// The public key is broken.
    #[error(transparent)]
    PublicKey(#[from] KeyError),
    /// The signature can't be compared.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The signature is wrong.
    #[error("signature with {0} over the signed data doesn't verify")]
    SignedDataMismatch(&'static str),
    /// A signer has no certificate.
    #[error("signer has no certificate")]
    NoCertificates,
    /// The key that verified is not that of the certificate.
    #[error("public key isn't that of the certificate")]
    PublicKeyMismatch,
    /// The lists of algorithms differ.
    #[error("signatures and digests don't name the same algorithms")]
    AlgorithmsMismatch,
    /// The file changed.
    #[error("{0} digest of the package doesn't match")]
    ContentDigest(&'static str),
    /// The tree hash needs whole pages.
    #[error("the signing block isn't aligned to pages of 4096 bytes, which the verity digest needs")]
    VerityAlignment,
    /// A later scheme was promised.
    #[error("signature of scheme v{0} was stripped: an attribute of the v2 signer names it")]
    V2SaysStripped(u32),
    /// An attribute that isn't known.
    #[error("unknown attribute {0:#010x}")]
    UnknownAttribute(u32),
    /// The range of API levels makes no sense.
    #[error("API levels {0} to {1} are no range")]
    SdkRange(u32, u32),
    /// The signed range is another than that outside of the signature.
    #[error("API levels of the signer and of its signed data differ")]
    SdkRangeMismatch,
    /// Ranges of the signers overlap or have holes.
    #[error("API levels of the signers overlap or have gaps")]
    SdkRangesInconsistent,
    /// The signers don't cover the platforms.
    #[error("signers cover only API levels {0} to {1}")]
    SdkRangeMissing(u32, u32),
    /// A lineage is broken.
    #[error("proof of rotation: {0}")]
    Lineage(#[from] super::lineage::LineageError),
    /// The lineage ends with another certificate.
    #[error("proof of rotation doesn't end with the certificate of the signer")]
    LineageCertificate,
    /// Lineages of the signers contradict each other.
    #[error("proofs of rotation of the signers contradict each other")]
    LineagesInconsistent,
    /// The v3 signer names another level for the rotation than the v3.1 block has.
    #[error("rotation is said to begin at API level {said}, but the v3.1 signer begins at {found}")]
    RotationMismatch {
        /// What the attribute of the v3 signer says.
        said: u32,
        /// The lowest API level of the v3.1 signers.
        found: u32,
    },
    /// The v3.1 block was stripped.
    #[error("signature of scheme v3.1 was stripped: an attribute names its rotation at API level {0}")]
    RotationStripped(u32),
    /// There is a v3.1 block without a v3 block.
    #[error("a v3.1 block without a v3 block")]
    RotationWithoutV3,
    /// The v3 signer doesn't protect the v3.1 block from stripping.
    #[error("the v3 signer doesn't say that a v3.1 block exists, which can thus be stripped")]
    RotationUnprotected,
    /// An attribute of v3.1 on a v3 signer.
    #[error("attribute for rotation on a development release on a v3 signer")]
    DevReleaseOnV3,
    /// A block whose scheme isn't verified here.
    #[error("a block of scheme v3.2, which decides on API levels from 37, isn't verified")]
    NewerScheme,
    /// The v1 signers are not the v2 signers.
    #[error("signer of scheme {0} has no signature of scheme {1} with the same certificate")]
    SignerMissing(Scheme, Scheme),
    /// Several signers under a scheme that has one.
    #[error("several signers, while scheme v3 knows one")]
    SeveralSigners,
    /// The signer of an earlier scheme is not where the lineage begins.
    #[error("certificate of the earlier schemes isn't the first of the proof of rotation, or that of scheme v3")]
    PastSignerMismatch,
    /// The `.idsig` file is broken or of an unknown version.
    #[error("v4 signature file has version {0}; 2 is known")]
    V4Version(u32),
    /// It holds another digest.
    #[error("Merkle tree root of the package doesn't match")]
    V4Root,
    /// It holds another tree.
    #[error("Merkle tree of the package doesn't match")]
    V4Tree,
    /// Its digest of the package is that of no v2 or v3 signer.
    #[error("digest of the package is not that of the v2 or v3 signature")]
    V4Digest,
    /// Its certificate is that of no v2 or v3 signer.
    #[error("certificate is not that of the v2 or v3 signature")]
    V4Certificate,
    /// There is nothing that it could go with.
    #[error("a v4 signature needs a v2 or v3 signature beside it")]
    V4Alone,
}
