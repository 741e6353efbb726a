//! Realistic carriers of strings in apps: resources, properties, JSON, minified bundles, property lists, code, binaries.

use testudo_scan::secrets::Form;

use super::template::{BASE62, Dice};

/// A carrier with something in it: what the engine gets.
pub struct Carried {
    pub carrier: &'static str,
    pub name: Option<String>,
    pub form: Form,
    pub bytes: Vec<u8>,
}

/// A carrier's name, and what puts a name and a value into it.
pub type Carrier = (&'static str, fn(&str, &str, &mut Dice) -> Carried);

/// The carriers that keep a name beside its value.
pub const NAMED: [Carrier; 10] = [
    ("strings.xml", |name, value, dice| {
        let value = xml(value);
        let filler = filler(dice);
        text(
            "strings.xml",
            format!(
                "<resources>\n  <string name=\"app_name\">Wallet</string>\n  <string name=\"hint\">{filler}</string>\n  <string name=\"{name}\">{value}</string>\n</resources>\n"
            ),
        )
    }),
    ("properties", |name, value, dice| {
        let value = value.replace('\n', "\\n");
        text("properties", format!("# {}\nversion.name=2.4.1\n{name}={value}\ncache.size=64\n", filler(dice)))
    }),
    ("json", |name, value, dice| {
        text(
            "json",
            format!(
                "{{\n  \"title\": \"{}\",\n  \"{name}\": \"{}\",\n  \"retries\": 3\n}}\n",
                filler(dice),
                escape(value)
            ),
        )
    }),
    ("bundle", |name, value, dice| {
        let (a, b) = (dice.text("abcdefgh", 2), dice.text("tuvwxyz", 1));
        text(
            "bundle",
            format!(
                "!function({a},{b}){{\"use strict\";{b}.d({a},\"a\",(function(){{return {b}}}));var r={b}(127),o={{env:\"prod\",{}:\"{}\",retry:!0}};{a}.exports=r.init(o,{b}.n(3))}}(e,t);",
                name.replace(['-', '.'], "_"),
                escape(value)
            ),
        )
    }),
    ("plist", |name, value, dice| {
        text(
            "plist",
            format!(
                "<plist version=\"1.0\">\n<dict>\n\t<key>CFBundleName</key>\n\t<string>{}</string>\n\t<key>{name}</key>\n\t<string>{}</string>\n</dict>\n</plist>\n",
                filler(dice),
                xml(value)
            ),
        )
    }),
    ("kotlin", |name, value, dice| {
        let value = escape(value).replace('$', "\\$");
        text(
            "kotlin",
            format!(
                "object Config {{\n    const val RETRIES = {}\n    const val {}: String = \"{value}\"\n}}\n",
                dice.below(9),
                name.replace(['-', '.'], "_")
            ),
        )
    }),
    ("manifest", |name, value, _| {
        text(
            "manifest",
            format!(
                "<application android:label=\"Wallet\">\n  <meta-data android:name=\"{name}\" android:value=\"{}\" />\n</application>\n",
                xml(value).replace('"', "&quot;")
            ),
        )
    }),
    ("swift", |name, value, dice| {
        text(
            "swift",
            format!(
                "import Foundation\n// {}\nenum Keys {{\n    static let {} = \"{}\"\n}}\n",
                filler(dice),
                name.replace(['-', '.'], "_"),
                escape(value)
            ),
        )
    }),
    ("field", |name, value, _| Carried {
        carrier: "field",
        name: Some(name.to_owned()),
        form: Form::Value,
        bytes: value.as_bytes().to_vec(),
    }),
    ("native", |name, value, dice| {
        let mut bytes = noise(dice, 200);
        bytes.extend_from_slice(b"\0libwallet.so\0");
        bytes.extend_from_slice(format!("{name}={}\0error: %s\0", value.replace('\n', "\\n")).as_bytes());
        bytes.extend(noise(dice, 200));
        Carried { carrier: "native", name: None, form: Form::Binary, bytes }
    }),
];

/// The carriers that keep a value alone; what is told by its shape must be found in these too.
pub const BARE: [Carrier; 5] = [
    ("dex", |_, value, _| Carried { carrier: "dex", name: None, form: Form::Value, bytes: value.as_bytes().to_vec() }),
    ("rodata", |_, value, dice| {
        let mut bytes = noise(dice, 300);
        bytes.push(0);
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
        bytes.extend(noise(dice, 300));
        Carried { carrier: "rodata", name: None, form: Form::Binary, bytes }
    }),
    ("utf-16", |_, value, dice| {
        let mut bytes = noise(dice, 101);
        bytes.extend([0, 0, 0]);
        bytes.extend(value.bytes().flat_map(|byte| [byte, 0]));
        bytes.extend([0, 0, 1]);
        bytes.extend(noise(dice, 100));
        Carried { carrier: "utf-16", name: None, form: Form::Binary, bytes }
    }),
    ("base64", |_, value, _| {
        let wrapped = super::forge::base64(format!("{{\"v\":\"{}\"}}", escape(value)).as_bytes());
        text("base64", format!("val blob = decode(\"{wrapped}\")\n"))
    }),
    ("percent", |_, value, _| {
        let wrapped: String = value
            .bytes()
            .map(
                |byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") },
            )
            .collect();
        text("percent", format!("intent://open?next=%2Fhome&x=%22{wrapped}%22&n=1\n"))
    }),
];

fn text(carrier: &'static str, text: String) -> Carried {
    Carried { carrier, name: None, form: Form::Text, bytes: text.into_bytes() }
}

fn filler(dice: &mut Dice) -> String {
    let words = ["Pay", "your", "bills", "with", "one", "tap", "Transfers", "are", "free", "Welcome", "back"];
    (0..6).map(|_| *dice.pick(&words)).collect::<Vec<_>>().join(" ")
}

/// Machine code, more or less: bytes with few letters in a row.
fn noise(dice: &mut Dice, length: usize) -> Vec<u8> {
    let mut bytes = dice.bytes(length);
    for byte in bytes.iter_mut().step_by(3) {
        *byte |= 0x80;
    }
    bytes
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn xml(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;")
}

/// A name that tells nothing, for what is told by its shape.
pub fn plain_name(dice: &mut Dice) -> String {
    let words = ["config", "remote", "build", "service", "field", "entry", "value", "option"];
    format!("{}_{}", dice.pick(&words), dice.text(&BASE62[10..62].to_ascii_lowercase(), 3))
}
