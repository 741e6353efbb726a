//! Directives that set rather than rule (`ModSecurity` reference, "Configuration Directives").

use std::collections::BTreeSet;

use super::Problem;
use super::action::{Audit, Mode, audit, mode, number};

/// What happens with a body that is larger than its limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LimitAction {
    /// It is refused.
    #[default]
    Reject,
    /// What came within the limit is inspected.
    ProcessPartial,
}

/// What directives set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Whether rules run.
    pub mode: Mode,
    /// Whether the request's body is read.
    pub request_body: bool,
    /// The most bytes of the request's body.
    pub request_limit: u64,
    /// The same without files.
    pub request_no_files_limit: u64,
    /// What happens beyond.
    pub request_limit_action: LimitAction,
    /// Whether the response's body is read.
    pub response_body: bool,
    /// The most bytes of the response's body.
    pub response_limit: u64,
    /// What happens beyond.
    pub response_limit_action: LimitAction,
    /// The content types, in lower case, whose bodies are read; all when there is none.
    pub response_types: BTreeSet<Box<str>>,
    /// How deep JSON nests.
    pub json_depth: usize,
    /// The most arguments.
    pub arguments: usize,
    /// The most files of a request.
    pub files: usize,
    /// Which byte separates arguments.
    pub separator: u8,
    /// Whether the audit log is written.
    pub audit: Audit,
    /// The expression of statuses that are relevant for the audit log.
    pub audit_status: Option<Box<str>>,
    /// The parts of the audit log.
    pub audit_parts: Box<str>,
    /// Which file maps Unicode to bytes, and its code page.
    pub unicode_map: Option<(Box<str>, u32)>,
    /// `SecWebAppId`.
    pub web_app: Box<str>,
    /// `SecComponentSignature`, as given.
    pub components: Vec<Box<str>>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            mode: Mode::Off,
            // As in ModSecurity 3, bodies of requests are read unless a directive says otherwise.
            request_body: true,
            request_limit: 134_217_728,
            request_no_files_limit: 1_048_576,
            request_limit_action: LimitAction::Reject,
            response_body: false,
            response_limit: 524_288,
            response_limit_action: LimitAction::Reject,
            response_types: BTreeSet::new(),
            json_depth: 512,
            arguments: 1000,
            files: 100,
            separator: b'&',
            audit: Audit::Off,
            audit_status: None,
            audit_parts: "ABCFHZ".into(),
            unicode_map: None,
            web_app: "default".into(),
            components: Vec::new(),
        }
    }
}

/// What became of a directive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It is set.
    Set,
    /// It has no meaning here; the text says why.
    Ignored(&'static str),
    /// It is none of these.
    Other,
}

/// The names of directives in this file, for suggestions.
pub(super) const NAMES: [&str; 23] = [
    "SecRuleEngine",
    "SecRequestBodyAccess",
    "SecRequestBodyLimit",
    "SecRequestBodyNoFilesLimit",
    "SecRequestBodyLimitAction",
    "SecRequestBodyJsonDepthLimit",
    "SecArgumentsLimit",
    "SecResponseBodyAccess",
    "SecResponseBodyLimit",
    "SecResponseBodyLimitAction",
    "SecResponseBodyMimeType",
    "SecResponseBodyMimeTypesClear",
    "SecUploadFileLimit",
    "SecArgumentSeparator",
    "SecCookieFormat",
    "SecAuditEngine",
    "SecAuditLogParts",
    "SecAuditLogRelevantStatus",
    "SecUnicodeMapFile",
    "SecWebAppId",
    "SecComponentSignature",
    "SecXmlExternalEntity",
    "SecRequestBodyInMemoryLimit",
];

const LOG: &str = "where logs go is set in the gateway's configuration";
const DISK: &str = "uploads are streamed and never written to disk";
const LINEAR: &str = "regular expressions run in linear time, so they need no limit";
const OWN: &str = "the engine does this by itself";

/// Directives that have no meaning here, and why.
const IGNORED: [(&str, &str); 26] = [
    ("SecAuditLog", LOG),
    ("SecAuditLog2", LOG),
    ("SecAuditLogDirMode", LOG),
    ("SecAuditLogFileMode", LOG),
    ("SecAuditLogFormat", LOG),
    ("SecAuditLogPrefix", LOG),
    ("SecAuditLogStorageDir", LOG),
    ("SecAuditLogType", LOG),
    ("SecDebugLog", LOG),
    ("SecDebugLogLevel", LOG),
    ("SecSensorId", LOG),
    ("SecRulePerfTime", LOG),
    ("SecServerSignature", "headers of responses are set in the gateway's configuration"),
    ("SecTmpDir", DISK),
    ("SecDataDir", "collections live as long as the transaction"),
    ("SecCollectionTimeout", "collections live as long as the transaction"),
    ("SecUploadDir", DISK),
    ("SecUploadFileMode", DISK),
    ("SecUploadKeepFiles", DISK),
    ("SecTmpSaveUploadedFiles", DISK),
    ("SecPcreMatchLimit", LINEAR),
    ("SecPcreMatchLimitRecursion", LINEAR),
    ("SecCacheTransformations", OWN),
    ("SecDisableBackendCompression", "the gateway undoes content codings"),
    ("SecStatusEngine", "the engine calls nobody"),
    ("SecRequestBodyInMemoryLimit", DISK),
];

/// Directives that are left out on purpose, and what to do instead.
const UNSUPPORTED: [(&str, &str); 24] = [
    ("SecRuleScript", "the engine runs no programs; write a `SecRule`"),
    ("SecRemoteRules", "fetch the rules beforehand and include the file"),
    ("SecRemoteRulesFailAction", "fetch the rules beforehand and include the file"),
    ("SecGeoLookupDb", "block countries in the limits of the gateway"),
    ("SecGsbLookupDb", "the engine calls nobody"),
    ("SecHttpBlKey", "the engine calls nobody"),
    ("SecChrootDir", "confine the process with its service manager"),
    ("SecConnEngine", "use the limits of the gateway"),
    ("SecConnReadStateLimit", "use the limits of the gateway"),
    ("SecConnWriteStateLimit", "use the limits of the gateway"),
    ("SecReadStateLimit", "use the limits of the gateway"),
    ("SecWriteStateLimit", "use the limits of the gateway"),
    ("SecContentInjection", "the engine changes no bodies"),
    ("SecStreamInBodyInspection", "the engine changes no bodies"),
    ("SecStreamOutBodyInspection", "the engine changes no bodies"),
    ("SecGuardianLog", "export events to your SIEM"),
    ("SecHashEngine", "the engine signs no links"),
    ("SecHashKey", "the engine signs no links"),
    ("SecHashParam", "the engine signs no links"),
    ("SecHashMethodRx", "the engine signs no links"),
    ("SecHashMethodPm", "the engine signs no links"),
    ("SecInterceptOnError", "errors always refuse"),
    ("SecRuleInheritance", "give each route its own rules"),
    ("SecUnicodeCodePage", "name the code page in `SecUnicodeMapFile`"),
];

impl Settings {
    /// Takes a directive with its words.
    pub(super) fn set(&mut self, name: &str, words: &[String]) -> Result<Outcome, Problem> {
        if let Some((_, why)) = IGNORED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Ok(Outcome::Ignored(why));
        }
        if let Some((_, instead)) = UNSUPPORTED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Err(Problem::Unsupported { name: name.to_owned(), instead });
        }
        let first = || words.first().map(String::as_str).ok_or(Problem::Missing { what: "the value" });
        let bytes = || number(first()?, "number of bytes");
        match name.to_ascii_lowercase().as_str() {
            "secruleengine" => self.mode = mode(first()?)?,
            "secrequestbodyaccess" => self.request_body = switch(first()?)?,
            "secrequestbodylimit" => self.request_limit = bytes()?,
            "secrequestbodynofileslimit" => self.request_no_files_limit = bytes()?,
            "secrequestbodylimitaction" => self.request_limit_action = limit_action(first()?)?,
            "secrequestbodyjsondepthlimit" => self.json_depth = number(first()?, "number of levels")?,
            "secargumentslimit" => self.arguments = number(first()?, "number of arguments")?,
            "secresponsebodyaccess" => self.response_body = switch(first()?)?,
            "secresponsebodylimit" => self.response_limit = bytes()?,
            "secresponsebodylimitaction" => self.response_limit_action = limit_action(first()?)?,
            "secresponsebodymimetype" => {
                first()?;
                self.response_types = words.iter().map(|word| word.to_ascii_lowercase().into()).collect();
            }
            "secresponsebodymimetypesclear" => self.response_types.clear(),
            "secuploadfilelimit" => self.files = number(first()?, "number of files")?,
            "secargumentseparator" => {
                let value = first()?;
                let [byte] = value.as_bytes() else {
                    return Err(Problem::Value { what: "single character", value: value.to_owned() });
                };
                self.separator = *byte;
            }
            "seccookieformat" if first()? != "0" => {
                let instead = "cookies of version 1 are obsolete (RFC 6265)";
                return Err(Problem::Unsupported { name: format!("{name} {}", first()?), instead });
            }
            "secauditengine" => self.audit = audit(first()?)?,
            "secauditlogparts" => self.audit_parts = first()?.into(),
            "secauditlogrelevantstatus" => self.audit_status = Some(first()?.into()),
            "secunicodemapfile" => {
                let page = words.get(1).ok_or(Problem::Missing { what: "the code page" })?;
                self.unicode_map = Some((first()?.into(), number(page, "code page")?));
            }
            "secwebappid" => self.web_app = first()?.into(),
            "seccomponentsignature" => self.components.push(first()?.into()),
            "secxmlexternalentity" if switch(first()?)? => {
                let instead = "external entities are an attack on the reader itself";
                return Err(Problem::Unsupported { name: name.to_owned(), instead });
            }
            "seccookieformat" | "secxmlexternalentity" => {}
            _ => return Ok(Outcome::Other),
        }
        Ok(Outcome::Set)
    }
}

fn switch(text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(Problem::Value { what: "switch: write `On` or `Off`", value: text.to_owned() }),
    }
}

fn limit_action(text: &str) -> Result<LimitAction, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "reject" => Ok(LimitAction::Reject),
        "processpartial" => Ok(LimitAction::ProcessPartial),
        _ => Err(Problem::unknown("limit action", text, ["Reject", "ProcessPartial"])),
    }
}
