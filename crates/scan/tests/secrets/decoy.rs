//! Strings of high entropy, or with the name of a secret, that are none. All of them occur in released apps.

use super::forge;
use super::template::{BASE62, Dice, HEX, URL};

/// What a decoy is, its name and its value.
pub struct Decoy {
    pub what: &'static str,
    pub name: String,
    pub value: String,
}

type Maker = fn(&mut Dice) -> (String, String);

const MAKERS: [(&str, Maker); 44] = [
    ("uuid", |dice| (pick(dice, &["request_id", "device_uuid", "installation", "build_uuid"]), dice.uuid())),
    ("md5", |dice| (pick(dice, &["md5", "etag", "content_hash", "asset_md5"]), dice.text(HEX, 32))),
    ("sha1", |dice| (pick(dice, &["sha1", "commit", "git_revision", "GIT_SHA"]), dice.text(HEX, 40))),
    ("sha256", |dice| (pick(dice, &["sha256", "digest", "checksum", "cert_fingerprint"]), dice.text(HEX, 64))),
    ("sha512", |dice| (pick(dice, &["sha512", "file_hash"]), dice.text(HEX, 128))),
    ("integrity", |dice| ("integrity".to_owned(), format!("sha512-{}", forge::base64(&dice.bytes(64))))),
    ("pin", |dice| ("pin".to_owned(), format!("sha256/{}", forge::base64(&dice.bytes(32))))),
    ("image", |dice| {
        ("logo".to_owned(), format!("data:image/png;base64,iVBORw0KGgo{}", forge::base64(&dice.bytes(900))))
    }),
    ("font", |dice| {
        ("font".to_owned(), format!("data:font/woff2;base64,d09GMgABAAAA{}", forge::base64(&dice.bytes(1200))))
    }),
    ("certificate", |dice| ("ca".to_owned(), forge::pem("CERTIFICATE", dice))),
    ("public key", |dice| ("verify_key".to_owned(), forge::pem("PUBLIC KEY", dice))),
    ("minified", |dice| (dice.text("abcdefgh", 1), format!("{}.{}", dice.text(BASE62, 2), dice.text(BASE62, 3)))),
    ("r8 map id", |dice| ("r8-map-id".to_owned(), dice.text(HEX, 64))),
    ("resource id", |dice| ("layout".to_owned(), format!("0x7f{}", dice.text(HEX, 6)))),
    ("class", |dice| {
        ("secretProvider".to_owned(), format!("com.acme.wallet.security.{}Provider{}", camel(dice), dice.below(9)))
    }),
    ("url", |dice| {
        ("token_url".to_owned(), format!("https://id.acme.io/oauth2/v2.0/token?tenant={}", dice.text(HEX, 12)))
    }),
    ("placeholder", |dice| (secret_name(dice), pick(dice, PLACEHOLDERS))),
    ("variable", |dice| (secret_name(dice), format!("${{{}}}", dice.text("ABCDEFGHIJKLMNOP_", 14)))),
    ("template", |dice| (secret_name(dice), format!("{{{{ .Values.{} }}}}", camel(dice)))),
    ("reference", |dice| (secret_name(dice), format!("@string/{}", dice.text("abcdefghijk_", 16)))),
    ("same character", |dice| (secret_name(dice), dice.text("ax0*-", 1).repeat(32))),
    ("sequence", |dice| {
        (
            secret_name(dice),
            pick(dice, &["1234567890abcdef1234567890abcdef", "abcdefghijklmnopqrstuvwxyz123456", "0123456789abcdef"]),
        )
    }),
    ("prose", |dice| {
        (pick(dice, &["password_hint", "error_password", "token_message", "api_key_help"]), pick(dice, PROSE))
    }),
    ("label", |dice| {
        (
            pick(dice, &["password", "passcode", "secret"]),
            pick(dice, &["Password", "Passwort", "Contraseña", "Geheim", "パスワード", "Пароль"]),
        )
    }),
    ("identifier", |dice| {
        (
            pick(dice, &["access_token", "api_key", "credential"]),
            format!("{}{}{}", camel(dice), camel(dice), camel(dice)),
        )
    }),
    ("preference key", |dice| {
        (
            pick(dice, &["KEY_PASSWORD", "TOKEN_KEY", "PREF_SECRET"]),
            format!("pref_{}_{}", camel(dice).to_lowercase(), dice.below(9)),
        )
    }),
    ("algorithm", |dice| {
        (
            pick(dice, &["encryption_key", "secret_key_algorithm", "cipher_key"]),
            pick(
                dice,
                &["AES/GCM/NoPadding", "PBKDF2WithHmacSHA256", "HmacSHA512", "RSA/ECB/OAEPWithSHA-256AndMGF1Padding"],
            ),
        )
    }),
    ("uuid as a name's id", |dice| (pick(dice, &["token_id", "secret_uuid", "key_id"]), dice.uuid())),
    ("path", |dice| {
        (
            pick(dice, &["private_key", "credential_file"]),
            format!("/data/data/com.acme.wallet/files/{}_{}.pem", camel(dice), dice.below(99)),
        )
    }),
    ("date", |dice| {
        ("token_expiry".to_owned(), format!("2026-0{}-1{}T10:00:00.000+01:00", 1 + dice.below(8), dice.below(9)))
    }),
    ("version", |dice| {
        ("secrets_plugin".to_owned(), format!("2.{}.{}-alpha0{}", dice.below(20), dice.below(9), dice.below(9)))
    }),
    ("descriptor", |dice| (camel(dice), format!("(Ljava/lang/String;L{}/{};[BI)V", camel(dice), camel(dice)))),
    ("base64 text", |dice| {
        (
            "body".to_owned(),
            forge::base64(
                format!("Dear {}, your transfer of {} has arrived.", camel(dice), dice.below(900)).as_bytes(),
            ),
        )
    }),
    ("random bytes", |dice| ("payload".to_owned(), forge::base64(&dice.bytes(96)))),
    ("url safe id", |dice| ("video".to_owned(), dice.text(URL, 11))),
    ("analytics id", |dice| {
        ("measurement".to_owned(), format!("G-{}", dice.text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 10)))
    }),
    ("colour", |dice| ("primary_token".to_owned(), format!("#{}", dice.text(HEX, 8)))),
    ("svg path", |dice| {
        (
            "d".to_owned(),
            (0..12)
                .map(|_| format!("M{}.{}l-{}", dice.below(99), dice.below(99), dice.below(9)))
                .collect::<Vec<_>>()
                .concat(),
        )
    }),
    ("public ssh key", |dice| {
        ("authorized".to_owned(), format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{}", dice.text(BASE62, 43)))
    }),
    ("css module", |dice| ("password".to_owned(), format!("input_password__{}", dice.text(BASE62, 5)))),
    ("endpoint", |dice| {
        (
            pick(dice, &["datadog_site", "sentry_region", "twilio_edge", "stripe_api_version"]),
            pick(dice, &["datadoghq.eu", "de.sentry.io", "dublin", "2024-06-20", "us5.datadoghq.com"]),
        )
    }),
    ("regular expression", |dice| {
        (
            "password_pattern".to_owned(),
            format!("^(?=.*[A-Z])(?=.*\\d)[A-Za-z\\d@$!%*?&]{{8,{}}}$", 12 + dice.below(50)),
        )
    }),
    ("counter", |dice| ("tokens".to_owned(), dice.text("123456789", 10))),
    ("alphabet", |_| ("secret_alphabet".to_owned(), BASE62.to_owned())),
];

const PLACEHOLDERS: &[&str] = &[
    "YOUR_API_KEY",
    "your-secret-here",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "changeme",
    "<insert token>",
    "EXAMPLEKEY1234567890EXAMPLE",
    "REPLACE_WITH_YOUR_KEY_12",
    "placeholder_value_0001",
    "dummy-token-1234567890",
    "TODO",
    "null",
    "undefined",
    "sample_secret_key_99",
    "INSERT_YOUR_SECRET_KEY_1",
    "ENTER-YOUR-TOKEN-HERE-01",
    "my-secret-token-example-1",
    "********",
    "......",
    "put_your_key_here_2024",
];

const PROSE: &[&str] = &[
    "Your password must have 8 to 64 characters",
    "Wrong password. 3 tries are left.",
    "The token has expired, sign in again",
    "Enter the API key of your account (32 characters)",
    "Passwords do not match",
    "We sent a code to your phone",
];

fn pick(dice: &mut Dice, from: &[&str]) -> String {
    (*dice.pick(from)).to_owned()
}

fn secret_name(dice: &mut Dice) -> String {
    pick(
        dice,
        &[
            "api_key",
            "client_secret",
            "access_token",
            "aws_secret_access_key",
            "db_password",
            "encryption_key",
            "stripe_secret",
            "auth_token",
        ],
    )
}

fn camel(dice: &mut Dice) -> String {
    pick(
        dice,
        &[
            "Session",
            "Account",
            "Payment",
            "Transfer",
            "Refresh",
            "Interval",
            "Provider",
            "Biometric",
            "Listener",
            "Storage",
        ],
    )
}

/// As many decoys as wanted, each kind about as often.
pub fn decoys(count: usize, dice: &mut Dice) -> Vec<Decoy> {
    (0..count)
        .map(|index| {
            let (what, make) = MAKERS[index % MAKERS.len()];
            let (name, value) = make(dice);
            Decoy { what, name, value }
        })
        .collect()
}
