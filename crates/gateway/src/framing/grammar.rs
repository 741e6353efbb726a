//! The small grammars of a head: tokens, targets, hosts, values (RFC 9110 section 5.6, RFC 9112 section 3, RFC 3986).

const fn table(accepts: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte: usize = 0;
    while byte < 128 {
        #[expect(clippy::cast_possible_truncation, clippy::indexing_slicing, reason = "byte is below 128; const")]
        {
            table[byte] = (byte as u8).is_ascii_alphanumeric();
        }
        byte += 1;
    }
    let mut index = 0;
    while index < accepts.len() {
        #[expect(clippy::indexing_slicing, reason = "the index is below the length; const")]
        {
            table[accepts[index] as usize] = true;
        }
        index += 1;
    }
    table
}

const TOKEN: [bool; 256] = table(b"!#$%&'*+-.^_`|~");
const PATH: [bool; 256] = table(b"-._~!$&'()*+,;=:@%/[]");
const QUERY: [bool; 256] = table(b"-._~!$&'()*+,;=:@%/?[]{}|");

fn all(table: &[bool; 256], bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| table.get(usize::from(*byte)).copied().unwrap_or(false))
}

/// A token of 1 to `max` characters.
pub(super) fn is_token(bytes: &[u8], max: usize) -> bool {
    !bytes.is_empty() && bytes.len() <= max && all(&TOKEN, bytes)
}

/// Whether path and query hold only characters that need no percent-encoding.
pub(crate) fn is_path_and_query(bytes: &[u8]) -> bool {
    match memchr::memchr(b'?', bytes) {
        None => all(&PATH, bytes),
        Some(at) => {
            let (path, query) = bytes.split_at(at);
            all(&PATH, path) && all(&QUERY, query)
        }
    }
}

/// `host[:port]` with a registered name, an IPv4 address or a bracketed IPv6 address; no user, no path.
pub(crate) fn is_host(bytes: &[u8]) -> bool {
    let (host, port) = match bytes {
        [b'[', rest @ ..] => {
            let Some(close) = memchr::memchr(b']', rest) else { return false };
            let (inside, after) = rest.split_at(close);
            let address = inside.len() <= 45
                && std::str::from_utf8(inside).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
            if !address {
                return false;
            }
            match after {
                [b']'] => return true,
                [b']', b':', port @ ..] => return is_port(port),
                _ => return false,
            }
        }
        _ => match memchr::memchr(b':', bytes) {
            Some(at) => {
                let (host, port) = bytes.split_at(at);
                (host, port.get(1..))
            }
            None => (bytes, None),
        },
    };
    !host.is_empty()
        && host.len() <= 255
        && host.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        && port.is_none_or(is_port)
}

fn is_port(bytes: &[u8]) -> bool {
    (1..=5).contains(&bytes.len())
        && bytes.iter().all(u8::is_ascii_digit)
        && bytes.iter().fold(0_u32, |port, digit| port * 10 + u32::from(digit - b'0')) <= 65535
}

/// What is wrong inside a line.
pub(super) enum Blemish {
    Cr,
    Control,
}

/// The first byte that a line of a head can't hold. HTAB, SP, visible ASCII and obs-text pass.
pub(super) fn blemish(line: &[u8]) -> Option<Blemish> {
    #[expect(clippy::needless_bitwise_bool, reason = "without branches the loop is vectorised")]
    let clean = line.iter().fold(true, |clean, byte| clean & ((*byte >= 0x20 && *byte != 0x7f) | (*byte == b'\t')));
    if clean {
        return None;
    }
    let first = line.iter().find(|byte| (**byte < 0x20 && **byte != b'\t') || **byte == 0x7f)?;
    Some(if *first == b'\r' { Blemish::Cr } else { Blemish::Control })
}

/// Without spaces and tabs at both ends.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}
