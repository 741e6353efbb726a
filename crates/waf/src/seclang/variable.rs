//! The variables of `SecLang`, and how a rule selects among them (`ModSecurity` reference, "Variables").

use regex_automata::meta::Regex;

use super::Problem;
use super::words::quoted;

macro_rules! variables {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// What a rule can look at.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Variable {
            $(#[doc = $doc] $variant,)*
        }

        impl Variable {
            /// All of them.
            pub const ALL: &'static [Variable] = &[$(Variable::$variant,)*];

            /// As written in rules.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Variable::$variant => $name,)*
                }
            }
        }
    };
}

variables! {
    Args "ARGS" "Arguments of query and body.",
    ArgsCombinedSize "ARGS_COMBINED_SIZE" "Bytes of all names and values of arguments.",
    ArgsGet "ARGS_GET" "Arguments of the query.",
    ArgsGetNames "ARGS_GET_NAMES" "Their names.",
    ArgsNames "ARGS_NAMES" "Names of all arguments.",
    ArgsPost "ARGS_POST" "Arguments of the body.",
    ArgsPostNames "ARGS_POST_NAMES" "Their names.",
    AuthType "AUTH_TYPE" "The scheme of the authorization header.",
    Duration "DURATION" "Milliseconds since the request began.",
    Env "ENV" "What `setenv` set.",
    Files "FILES" "File names of uploads.",
    FilesCombinedSize "FILES_COMBINED_SIZE" "Bytes of all uploads.",
    FilesNames "FILES_NAMES" "Field names of uploads.",
    FilesSizes "FILES_SIZES" "Bytes of each upload.",
    FilesTmpContent "FILES_TMP_CONTENT" "Contents of uploads; always empty here, for they are not held.",
    FilesTmpNames "FILES_TMPNAMES" "Temporary files of uploads; always empty here.",
    FullRequest "FULL_REQUEST" "Headers and body.",
    FullRequestLength "FULL_REQUEST_LENGTH" "Bytes of both.",
    Geo "GEO" "The place of an address; always empty here.",
    Global "GLOBAL" "The collection that all requests share.",
    HighestSeverity "HIGHEST_SEVERITY" "The gravest severity so far; 255 before the first.",
    InboundDataError "INBOUND_DATA_ERROR" "1 when the request's body is larger than its limit.",
    Ip "IP" "The collection of an address.",
    MatchedVar "MATCHED_VAR" "The value that matched last.",
    MatchedVarName "MATCHED_VAR_NAME" "Its name.",
    MatchedVars "MATCHED_VARS" "The values that the last rule matched.",
    MatchedVarsNames "MATCHED_VARS_NAMES" "Their names.",
    ModsecBuild "MODSEC_BUILD" "A number that stands for the version of `ModSecurity` that this engine follows.",
    MscPcreError "MSC_PCRE_ERROR" "Always empty: regular expressions can't fail here.",
    MscPcreLimitsExceeded "MSC_PCRE_LIMITS_EXCEEDED" "Always empty, for the same reason.",
    MultipartBoundaryQuoted "MULTIPART_BOUNDARY_QUOTED" "1 when the boundary is quoted.",
    MultipartBoundaryWhitespace "MULTIPART_BOUNDARY_WHITESPACE" "1 when white space stands around the boundary.",
    MultipartCrlfLfLines "MULTIPART_CRLF_LF_LINES" "1 when both kinds of line ends occur.",
    MultipartDataAfter "MULTIPART_DATA_AFTER" "1 when something follows the last boundary.",
    MultipartDataBefore "MULTIPART_DATA_BEFORE" "1 when something precedes the first boundary.",
    MultipartFileLimitExceeded "MULTIPART_FILE_LIMIT_EXCEEDED" "1 when there are too many files.",
    MultipartFilename "MULTIPART_FILENAME" "The file name of each part.",
    MultipartHeaderFolding "MULTIPART_HEADER_FOLDING" "1 when a header of a part is folded.",
    MultipartInvalidHeaderFolding "MULTIPART_INVALID_HEADER_FOLDING" "1 when it is folded in a wrong way.",
    MultipartInvalidPart "MULTIPART_INVALID_PART" "1 when a part is malformed.",
    MultipartInvalidQuoting "MULTIPART_INVALID_QUOTING" "1 when a name is quoted in a wrong way.",
    MultipartLfLine "MULTIPART_LF_LINE" "1 when a line ends with LF alone.",
    MultipartMissingSemicolon "MULTIPART_MISSING_SEMICOLON" "1 when a semicolon is missing before the boundary.",
    MultipartName "MULTIPART_NAME" "The name of each part.",
    MultipartPartHeaders "MULTIPART_PART_HEADERS" "The headers of each part, by the name of the part.",
    MultipartStrictError "MULTIPART_STRICT_ERROR" "1 when any of the strict checks failed.",
    MultipartUnmatchedBoundary "MULTIPART_UNMATCHED_BOUNDARY" "1 when a line looks like a boundary and is none.",
    OutboundDataError "OUTBOUND_DATA_ERROR" "1 when the response's body is larger than its limit.",
    PathInfo "PATH_INFO" "The path.",
    QueryString "QUERY_STRING" "The query as sent.",
    RemoteAddr "REMOTE_ADDR" "The address of the peer.",
    RemoteHost "REMOTE_HOST" "The same; names are not looked up.",
    RemotePort "REMOTE_PORT" "The port of the peer.",
    RemoteUser "REMOTE_USER" "The user of Basic authorization.",
    ReqbodyError "REQBODY_ERROR" "1 when the body can't be read.",
    ReqbodyErrorMsg "REQBODY_ERROR_MSG" "Why.",
    ReqbodyProcessor "REQBODY_PROCESSOR" "Which reader the body has.",
    ReqbodyProcessorError "REQBODY_PROCESSOR_ERROR" "1 when that reader failed.",
    ReqbodyProcessorErrorMsg "REQBODY_PROCESSOR_ERROR_MSG" "Why.",
    RequestBasename "REQUEST_BASENAME" "The last part of the path.",
    RequestBody "REQUEST_BODY" "The body of a form, or any body when forced.",
    RequestBodyLength "REQUEST_BODY_LENGTH" "Bytes of the body.",
    RequestCookies "REQUEST_COOKIES" "Cookies.",
    RequestCookiesNames "REQUEST_COOKIES_NAMES" "Their names.",
    RequestFilename "REQUEST_FILENAME" "The path, decoded.",
    RequestHeaders "REQUEST_HEADERS" "Headers of the request.",
    RequestHeadersNames "REQUEST_HEADERS_NAMES" "Their names.",
    RequestLine "REQUEST_LINE" "The request line.",
    RequestMethod "REQUEST_METHOD" "The method.",
    RequestProtocol "REQUEST_PROTOCOL" "The protocol.",
    RequestUri "REQUEST_URI" "Path and query, decoded, without scheme and authority.",
    RequestUriRaw "REQUEST_URI_RAW" "The target as sent.",
    Resource "RESOURCE" "The collection of a resource.",
    ResponseBody "RESPONSE_BODY" "The response's body.",
    ResponseContentLength "RESPONSE_CONTENT_LENGTH" "Its bytes.",
    ResponseContentType "RESPONSE_CONTENT_TYPE" "Its type without parameters.",
    ResponseHeaders "RESPONSE_HEADERS" "Headers of the response.",
    ResponseHeadersNames "RESPONSE_HEADERS_NAMES" "Their names.",
    ResponseProtocol "RESPONSE_PROTOCOL" "The response's protocol.",
    ResponseStatus "RESPONSE_STATUS" "The response's status.",
    Rule "RULE" "The rule itself: id, rev, severity, logdata, msg.",
    ServerAddr "SERVER_ADDR" "Our address.",
    ServerName "SERVER_NAME" "The host that was asked.",
    ServerPort "SERVER_PORT" "Our port.",
    Session "SESSION" "The collection of a session.",
    SessionId "SESSIONID" "What `setsid` set.",
    Status "STATUS" "The response's status.",
    StatusLine "STATUS_LINE" "The response's first line.",
    Time "TIME" "The time of day, `hh:mm:ss`, in UTC as all of the following.",
    TimeDay "TIME_DAY" "The day of the month.",
    TimeEpoch "TIME_EPOCH" "Seconds since 1970.",
    TimeHour "TIME_HOUR" "The hour.",
    TimeMin "TIME_MIN" "The minute.",
    TimeMon "TIME_MON" "The month, from 0.",
    TimeSec "TIME_SEC" "The second.",
    TimeWday "TIME_WDAY" "The day of the week; Sunday is 0.",
    TimeYear "TIME_YEAR" "The year.",
    Tx "TX" "What rules set in this transaction.",
    UniqueId "UNIQUE_ID" "The id of this transaction.",
    UrlencodedError "URLENCODED_ERROR" "1 when a percent escape is malformed.",
    User "USER" "The collection of a user.",
    UserId "USERID" "What `setuid` set.",
    WebAppId "WEBAPPID" "What `SecWebAppId` set.",
    Xml "XML" "What an `XPath` expression selects; `/*` and `//@*` are known.",
}

/// Names that rules in the field use besides the first.
const ALIASES: [(&str, Variable); 2] = [
    ("MULTIPART_SEMICOLON_MISSING", Variable::MultipartMissingSemicolon),
    ("FILES_TMP_NAMES", Variable::FilesTmpNames),
];

impl Variable {
    /// Finds it by its name in any case.
    pub fn from_name(name: &str) -> Option<Variable> {
        let known = Variable::ALL.iter().find(|variable| variable.name().eq_ignore_ascii_case(name)).copied();
        known.or_else(|| {
            ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name)).map(|(_, variable)| *variable)
        })
    }

    /// Whether it is a single text, not a collection of items with names.
    pub(crate) fn is_text(self) -> bool {
        use Variable as V;
        !matches!(
            self,
            V::Args
                | V::ArgsGet
                | V::ArgsGetNames
                | V::ArgsNames
                | V::ArgsPost
                | V::ArgsPostNames
                | V::Env
                | V::Files
                | V::FilesNames
                | V::FilesSizes
                | V::FilesTmpContent
                | V::FilesTmpNames
                | V::Geo
                | V::Global
                | V::Ip
                | V::MatchedVar
                | V::MatchedVarName
                | V::MatchedVars
                | V::MatchedVarsNames
                | V::MultipartFilename
                | V::MultipartName
                | V::MultipartPartHeaders
                | V::RequestCookies
                | V::RequestCookiesNames
                | V::RequestHeaders
                | V::RequestHeadersNames
                | V::Resource
                | V::ResponseHeaders
                | V::ResponseHeadersNames
                | V::Rule
                | V::Session
                | V::Tx
                | V::User
                | V::Xml
        )
    }

    pub(super) fn parse(name: &str) -> Result<Variable, Problem> {
        if name.eq_ignore_ascii_case("WEBSERVER_ERROR_LOG") {
            return Err(Problem::Unsupported { name: name.to_owned(), instead: "the engine sees no log of a server" });
        }
        let known = || Variable::ALL.iter().map(|variable| variable.name());
        Variable::from_name(name).ok_or_else(|| Problem::unknown("variable", name, known()))
    }
}

/// Which members of a collection.
#[derive(Clone, Debug)]
pub enum Selector {
    /// All.
    All,
    /// The one of this name, in lower case.
    Name(Box<str>),
    /// Those whose name matches.
    Pattern(Box<str>, Regex),
}

impl PartialEq for Selector {
    fn eq(&self, other: &Selector) -> bool {
        match (self, other) {
            (Selector::All, Selector::All) => true,
            (Selector::Name(one), Selector::Name(other)) | (Selector::Pattern(one, _), Selector::Pattern(other, _)) => {
                one == other
            }
            _ => false,
        }
    }
}

impl Selector {
    /// A selector as written behind the colon: a name, or `/expression/`.
    pub(crate) fn parse(text: &str) -> Result<Selector, Problem> {
        let text = match text.strip_prefix('\'') {
            Some(rest) => quoted(rest, '\'')?.0,
            None => text.to_owned(),
        };
        if text.is_empty() {
            return Ok(Selector::All);
        }
        let Some(pattern) = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) else {
            return Ok(Selector::Name(text.to_ascii_lowercase().into()));
        };
        let pattern = pattern.replace("\\/", "/");
        let syntax = regex_automata::util::syntax::Config::new()
            .unicode(false)
            .utf8(false)
            .case_insensitive(true)
            .dot_matches_new_line(true);
        let limits = Regex::config().utf8_empty(false).nfa_size_limit(Some(1 << 20)).hybrid_cache_capacity(64 << 10);
        match Regex::builder().syntax(syntax).configure(limits).build(&pattern) {
            Ok(regex) => Ok(Selector::Pattern(pattern.into(), regex)),
            Err(source) => Err(Problem::Selector { pattern, source: Box::new(source) }),
        }
    }

    /// Whether a member of this name is meant.
    pub fn takes(&self, name: &[u8]) -> bool {
        match self {
            Selector::All => true,
            Selector::Name(wanted) => name.eq_ignore_ascii_case(wanted.as_bytes()),
            Selector::Pattern(_, regex) => regex.is_match(name),
        }
    }
}

/// One of a rule's variables.
#[derive(Clone, PartialEq, Debug)]
pub struct Target {
    /// The variable.
    pub variable: Variable,
    /// Which of its members.
    pub selector: Selector,
    /// `&`: their number rather than their values.
    pub count: bool,
    /// `!`: these are left out.
    pub exclude: bool,
}

/// The first word of a rule: variables that `|` separates.
pub(super) fn targets(text: &str) -> Result<Vec<Target>, Problem> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (part, after) = split(rest);
        found.push(target(part.trim())?);
        rest = after.trim_start();
    }
    if found.is_empty() {
        return Err(Problem::Missing { what: "a variable" });
    }
    Ok(found)
}

/// One variable with its marks and selector.
pub(super) fn target(text: &str) -> Result<Target, Problem> {
    let (exclude, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    let (count, text) = text.strip_prefix('&').map_or((false, text), |rest| (true, rest));
    let (name, selector) = text.split_once([':', '.']).unwrap_or((text, ""));
    let variable = Variable::parse(name.trim())?;
    if variable == Variable::Xml {
        let selector = xpath(selector)?;
        return Ok(Target { variable, selector, count, exclude });
    }
    Ok(Target { variable, selector: Selector::parse(selector)?, count, exclude })
}

/// The two expressions that rule sets use: the text of all elements, and the values of all attributes.
fn xpath(text: &str) -> Result<Selector, Problem> {
    match text {
        "/*" | "//@*" => Ok(Selector::Name(text.into())),
        "" => Ok(Selector::All),
        _ => Err(Problem::Unsupported {
            name: format!("XML:{text}"),
            instead: "use `XML:/*` for all text or `XML://@*` for all attributes",
        }),
    }
}

/// Cuts at the first `|` or `,` outside of a selector's expression or quotes.
fn split(text: &str) -> (&str, &str) {
    let open = text.find([':', '.']).map_or(text.len(), |at| at + 1);
    let first = text.find(['|', ',']).unwrap_or(text.len());
    let mut end = first;
    let selector = text.get(open..).unwrap_or_default();
    if open < first || (open <= first && first < text.len()) {
        let closing = match selector.chars().next() {
            Some('\'') => Some('\''),
            // XPath begins with a slash as well.
            Some('/') if !selector.starts_with("/*") && !selector.starts_with("//") => Some('/'),
            _ => None,
        };
        if let Some(closing) = closing {
            end = open + 1 + closes(selector.get(1..).unwrap_or_default(), closing);
            end += text.get(end..).unwrap_or_default().find(['|', ',']).unwrap_or(text.len() - end);
        } else {
            end = open + selector.find(['|', ',']).unwrap_or(selector.len());
        }
    }
    (text.get(..end).unwrap_or(text), text.get(end + 1..).unwrap_or_default())
}

/// Behind the character that closes, or the end.
fn closes(text: &str, closing: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == closing {
            let rest = text.get(at + 1..).unwrap_or_default();
            if rest.is_empty() || rest.starts_with(['|', ',', ' ']) || closing == '\'' {
                return at + 1;
            }
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

    use super::*;

    #[test]
    fn variables_are_read_with_marks_and_selectors() {
        let found = targets("REQUEST_COOKIES|!REQUEST_COOKIES:/__utm|x/|&ARGS:Foo|XML:/*|XML://@*|TX:/^a/").unwrap();
        assert_eq!(found.len(), 6);
        assert_eq!(found[1].variable, Variable::RequestCookies);
        assert!(found[1].exclude);
        assert!(found[1].selector.takes(b"a__UTMz") && found[1].selector.takes(b"x"));
        assert!(found[2].count);
        assert_eq!(found[2].selector, Selector::Name("foo".into()));
        assert_eq!(found[4].selector, Selector::Name("//@*".into()));
        assert!(found[5].selector.takes(b"abc") && !found[5].selector.takes(b"bac"));
    }

    #[test]
    fn every_name_is_found() {
        for variable in Variable::ALL {
            assert_eq!(Variable::from_name(&variable.name().to_ascii_lowercase()), Some(*variable));
        }
        let unknown = targets("ARGS|REQUEST_HEADRS:Host").unwrap_err().to_string();
        assert_eq!(unknown, "unknown variable `REQUEST_HEADRS`: did you mean `REQUEST_HEADERS`?");
        assert!(matches!(targets("XML:/a/b"), Err(Problem::Unsupported { .. })));
    }

    #[test]
    fn selectors_may_hold_bars_and_spaces() {
        let found = targets("ARGS:'/a b|c/'|REQUEST_COOKIES:/\\x22?\\x24Version/").unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].selector.takes(b"a b"));
        assert!(found[1].selector.takes(b"\"$version"));
    }
}
