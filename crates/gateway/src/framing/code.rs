//! Why a request is malformed: a closed list of stable codes, each with its sentence and status.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $text:literal;)+) => {
        /// Why framing refused a request.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum MalformedCode { $($(#[$doc])* $variant,)+ }

        impl MalformedCode {
            /// All codes.
            pub const ALL: &'static [MalformedCode] = &[$(MalformedCode::$variant),+];

            /// The stable code, as in events.
            pub const fn as_str(self) -> &'static str {
                match self { $(MalformedCode::$variant => $code,)+ }
            }

            /// What is wrong and what to do, for the caller.
            pub const fn text(self) -> &'static str {
                match self { $(MalformedCode::$variant => $text,)+ }
            }

            /// The HTTP status of the answer.
            pub const fn status(self) -> u16 {
                match self { $(MalformedCode::$variant => $status,)+ }
            }
        }
    };
}

codes! {
    /// A line ends with LF alone.
    BareLf = "bare-lf", 400, "a line ends with a line feed alone; end lines with CR LF";
    /// A CR that is not followed by LF.
    BareCr = "bare-cr", 400, "a carriage return stands inside a line; end lines with CR LF";
    /// A NUL or another control byte in the head.
    ControlByte = "control-byte", 400, "the head holds a control byte; send printable characters only";
    /// The request line is not `method SP target SP version`.
    RequestLine = "request-line", 400, "the request line is not `method target version` with single spaces";
    /// The method is not a token of at most 32 characters.
    Method = "method", 400, "the method is not a valid token";
    /// CONNECT is not offered.
    Connect = "connect", 400, "the method CONNECT is not offered here";
    /// The target holds a byte that a URI can't hold, or a fragment.
    Target = "target", 400, "the request target holds a character that must be percent-encoded";
    /// The target has a form that the method does not allow.
    TargetForm = "target-form", 400, "the request target must begin with `/`";
    /// The authority of an absolute target differs from Host.
    TargetHost = "target-host", 400, "the authority of the request target differs from the Host header";
    /// The version is not HTTP/1.1 or HTTP/1.0.
    Version = "version", 400, "the protocol version must be HTTP/1.1 or HTTP/1.0";
    /// A header line starts with white space.
    ObsFold = "obs-fold", 400, "a header value continues on the next line; send it on one line";
    /// A header line has no colon.
    NoColon = "no-colon", 400, "a header line has no colon";
    /// White space before the colon.
    SpaceBeforeColon = "space-before-colon", 400, "white space stands before the colon of a header";
    /// A header name is empty or not a token.
    HeaderName = "header-name", 400, "a header name is not a valid token";
    /// A header name differs from one that frames the message only by an underscore.
    HeaderLookalike = "header-lookalike", 400, "a header imitates a framing header with an underscore";
    /// No Host header.
    HostMissing = "host-missing", 400, "the Host header is missing";
    /// More than one Host header.
    HostDuplicate = "host-duplicate", 400, "the Host header is given more than once";
    /// The Host header is not `host` or `host:port`.
    HostInvalid = "host-invalid", 400, "the Host header is not a valid host and port";
    /// HTTP/2: Host and :authority differ.
    HostConflict = "host-conflict", 400, "the Host header differs from the :authority of the request";
    /// Content-Length is not a decimal number.
    LengthInvalid = "length-invalid", 400, "the Content-Length header is not one decimal number";
    /// More than one Content-Length.
    LengthDuplicate = "length-duplicate", 400, "the Content-Length header is given more than once";
    /// Content-Length beside Transfer-Encoding.
    LengthAndEncoding = "length-and-encoding", 400, "Content-Length and Transfer-Encoding are both given; send one";
    /// Transfer-Encoding is not exactly `chunked`, once.
    EncodingInvalid = "encoding-invalid", 400, "the Transfer-Encoding header must be exactly `chunked`";
    /// Transfer-Encoding in HTTP/1.0.
    EncodingOld = "encoding-old", 400, "HTTP/1.0 has no Transfer-Encoding; use HTTP/1.1";
    /// An Expect header other than `100-continue`.
    Expectation = "expectation", 417, "the Expect header may only be `100-continue`";
    /// Too many header fields.
    TooManyHeaders = "too-many-headers", 431, "the request has too many header fields";
    /// The head is too large.
    HeadTooLarge = "head-too-large", 431, "the head of the request is too large";
    /// A chunk size is not a hexadecimal number, or too large.
    ChunkSize = "chunk-size", 400, "a chunk size is not a hexadecimal number";
    /// A chunk extension is malformed or too long.
    ChunkExtension = "chunk-extension", 400, "a chunk extension is malformed or too long";
    /// The data of a chunk is not followed by CR LF.
    ChunkEnd = "chunk-end", 400, "the data of a chunk is not followed by CR LF";
    /// A trailer field is malformed, forbidden, or there are too many.
    Trailer = "trailer", 400, "a trailer field is malformed, forbidden or too large";
    /// The head did not arrive in time.
    HeadTimeout = "head-timeout", 408, "the head of the request did not arrive in time";
    /// Bytes of the client's HTTP/2 that hyper refused, or a request that no HTTP client sends.
    Protocol = "protocol", 400, "the request breaks the protocol";
    /// HTTP/2: too many streams were reset.
    ResetFlood = "reset-flood", 400, "too many streams were reset in a short time";
    /// HTTP/2: too many frames that carry nothing.
    FrameFlood = "frame-flood", 400, "too many control frames in a short time";
}

impl fmt::Display for MalformedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
