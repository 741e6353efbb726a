//! Templates of secrets in the rule files, made into values with a seed: `{hex:32}` is 32 random hex digits, `{crc62:30}`
//! 30 random characters with their checksum, `{{` a brace. Nothing that looks like a secret has to stand in the repository.

use super::forge;

/// `SplitMix64`: the same seed gives the same secrets on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.roll() % bound as u64).unwrap()
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.roll().to_le_bytes()[0]).collect()
    }

    pub fn text(&mut self, alphabet: &str, count: usize) -> String {
        (0..count).map(|_| char::from(*self.pick(alphabet.as_bytes()))).collect()
    }

    pub fn uuid(&mut self) -> String {
        let hex = self.text(HEX, 30);
        format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
    }
}

pub const HEX: &str = "0123456789abcdef";
pub const BASE62: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
pub const URL: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// The value that the template stands for.
pub fn expand(template: &str, dice: &mut Dice) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.extend_from_slice(brace.as_bytes());
            rest = after;
        } else {
            let end = rest.find('}').unwrap_or_else(|| panic!("`{template}` has an open brace"));
            let (name, argument) = rest[..end].split_once(':').unwrap_or((&rest[..end], ""));
            out.extend(field(name, argument, dice));
            rest = &rest[end + 1..];
        }
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

fn field(name: &str, argument: &str, dice: &mut Dice) -> Vec<u8> {
    let count = argument.parse().unwrap_or(0);
    let text = match name {
        "uuid" => dice.uuid(),
        "nonzero" => dice.text("123456789", 1),
        "password" => password(dice),
        "key16" => loop {
            let key = dice.text(BASE62, 16);
            if key.bytes().filter(u8::is_ascii_digit).count() >= 2 {
                break key;
            }
        },
        "b64of" => forge::base64(&dice.bytes(count)),
        "basic" => forge::base64(format!("wallet:{}", password(dice)).as_bytes()),
        "crc62" => forge::crc62(&dice.text(BASE62, count)),
        "grafana" => forge::grafana(&format!("{argument}_{}", dice.text(BASE62, 32))),
        "macaroon" => forge::macaroon(argument, dice),
        "discord" => forge::discord(dice),
        "pem" => forge::pem(argument, dice),
        "bare" => forge::bare(argument, dice),
        "store" => return forge::store(argument, dice),
        "jwk" => forge::jwk(dice),
        "jwt" => forge::jwt(argument, dice),
        "service-account" => forge::service_account(dice),
        "xprv" => forge::xprv(dice),
        "wif" => forge::wif(dice),
        "bech32" => forge::bech32(argument, dice),
        set => dice.text(alphabet(set), count),
    };
    assert!(!text.is_empty(), "`{name}:{argument}` gives nothing");
    text.into_bytes()
}

fn alphabet(name: &str) -> &'static str {
    match name {
        "hex" => HEX,
        "HEX" => "0123456789ABCDEF",
        "digits" => "0123456789",
        "lower" => "abcdefghijklmnopqrstuvwxyz",
        "alpha" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "base32" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "lower32" => "abcdefghijklmnopqrstuvwxyz234567",
        "base36" => "0123456789abcdefghijklmnopqrstuvwxyz",
        "BASE36" => "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "base58" => forge::BASE58,
        "base62" => BASE62,
        "bech" => forge::BECH32,
        "BECH" => "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
        "bcrypt" => "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        "b64" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        "url" => URL,
        _ => panic!("no such field `{name}`"),
    }
}

/// What a person in a hurry types: a word's worth of letters, digits and a sign.
fn password(dice: &mut Dice) -> String {
    let upper = dice.text("ABCDEFGHJKLMNPRSTUVW", 1);
    let length = 5 + dice.below(5);
    let lower = dice.text("abcdefghijkmnopqrstuvwxyz", length);
    let digits = dice.text("0123456789", 3);
    let sign = dice.text("!*_-+", 1);
    format!("{upper}{lower}{sign}{digits}")
}
