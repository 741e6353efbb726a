//! For which devices a resource is meant: `ResTable_config` of Android.

use std::fmt;

use crate::le::{slice_at, u8_at, u16_at};

/// A configuration. Its `Display` is the qualifier of the folder, as in `fr-rCA-land-v21`; empty for the default.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Config<'a>(pub(super) &'a [u8]);

impl Config<'_> {
    /// Whether it asks for nothing, so that every device takes it.
    pub fn is_default(self) -> bool {
        self.0.iter().skip(4).all(|byte| *byte == 0)
    }

    /// The least API level; 0 when it does not matter.
    pub fn sdk(self) -> u16 {
        self.u16(24)
    }

    /// Whether it asks for nothing but an API level.
    pub fn is_sdk_only(self) -> bool {
        self.0.iter().enumerate().skip(4).all(|(at, byte)| *byte == 0 || (24..28).contains(&at))
    }

    /// The higher, the more devices take it, the newest first.
    pub(super) fn generality(self) -> (u8, u16) {
        match self {
            config if config.is_default() => (2, 0),
            config if config.is_sdk_only() => (1, config.sdk()),
            _ => (0, 0),
        }
    }

    /// Language, or an empty string.
    pub fn language(self) -> String {
        letters(self.u8(8), self.u8(9), b'a')
    }

    /// Region, or an empty string.
    pub fn region(self) -> String {
        letters(self.u8(10), self.u8(11), b'0')
    }

    fn u8(self, at: usize) -> u8 {
        u8_at(self.0, at).unwrap_or(0)
    }

    fn u16(self, at: usize) -> u16 {
        u16_at(self.0, at).unwrap_or(0)
    }

    /// Text that ends with the first zero.
    fn text(self, at: usize, length: usize) -> String {
        let bytes = slice_at(self.0, at, length).unwrap_or_default();
        bytes.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect()
    }

    fn locale(self) -> Option<String> {
        let (language, region) = (self.language(), self.region());
        let (script, variant, numbers) = (self.text(36, 4), self.text(40, 8), self.text(52, 8));
        if script.is_empty() && variant.is_empty() && numbers.is_empty() {
            let region = if region.is_empty() { region } else { format!("r{region}") };
            return joined("-", [language, region]);
        }
        let numbers = if numbers.is_empty() { numbers } else { format!("u+nu+{numbers}") };
        joined("+", ["b".into(), language, script, region, variant, numbers])
    }

    fn density(self) -> Option<String> {
        Some(match self.u16(14) {
            0 => return None,
            120 => "ldpi".into(),
            160 => "mdpi".into(),
            213 => "tvdpi".into(),
            240 => "hdpi".into(),
            320 => "xhdpi".into(),
            480 => "xxhdpi".into(),
            640 => "xxxhdpi".into(),
            0xfffe => "anydpi".into(),
            0xffff => "nodpi".into(),
            dots => format!("{dots}dpi"),
        })
    }

    /// The qualifiers, in the order in which Android wants them.
    fn qualifiers(self) -> Vec<String> {
        let number =
            |prefix: &str, number: u16, suffix: &str| (number != 0).then(|| format!("{prefix}{number}{suffix}"));
        let word = |value: u8, words: &[&str]| {
            let word = words.get(usize::from(value)).copied().unwrap_or_default();
            (!word.is_empty()).then(|| word.to_owned())
        };
        let mnc = match self.u16(6) {
            0xffff => Some("mnc00".into()),
            mnc => number("mnc", mnc, ""),
        };
        let (layout, mode, input) = (self.u8(28), self.u8(29), self.u8(18));
        let (layout2, color) = (self.u8(48), self.u8(49));
        let (width, height) = (self.u16(20), self.u16(22));
        let version = match (self.sdk(), self.u16(26)) {
            (0, _) => None,
            (sdk, 0) => Some(format!("v{sdk}")),
            (sdk, minor) => Some(format!("v{sdk}.{minor}")),
        };
        [
            number("mcc", self.u16(4), ""),
            mnc,
            self.locale(),
            word(self.u8(19) & 3, &["", "neuter", "feminine", "masculine"]),
            word(layout >> 6, &["", "ldltr", "ldrtl"]),
            number("sw", self.u16(30), "dp"),
            number("w", self.u16(32), "dp"),
            number("h", self.u16(34), "dp"),
            word(layout & 0xf, &["", "small", "normal", "large", "xlarge"]),
            word(layout >> 4 & 3, &["", "notlong", "long"]),
            word(layout2 & 3, &["", "notround", "round"]),
            word(color & 3, &["", "nowidecg", "widecg"]),
            word(color >> 2 & 3, &["", "lowdr", "highdr"]),
            word(self.u8(12), &["", "port", "land", "square"]),
            word(mode & 0xf, &["", "", "desk", "car", "television", "appliance", "watch", "vrheadset"]),
            word(mode >> 4 & 3, &["", "notnight", "night"]),
            self.density(),
            word(self.u8(13), &["", "notouch", "stylus", "finger"]),
            word(input & 3, &["", "keysexposed", "keyshidden", "keyssoft"]),
            word(self.u8(16), &["", "nokeys", "qwerty", "12key"]),
            word(input >> 2 & 3, &["", "navexposed", "navhidden"]),
            word(self.u8(17), &["", "nonav", "dpad", "trackball", "wheel"]),
            (width != 0 || height != 0).then(|| format!("{width}x{height}")),
            version,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl fmt::Display for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.qualifiers().join("-"))
    }
}

fn joined<const N: usize>(by: &str, parts: [String; N]) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(by))
}

/// Two letters, or three packed into fifteen bits.
fn letters(first: u8, second: u8, base: u8) -> String {
    if first == 0 {
        return String::new();
    }
    if first & 0x80 == 0 {
        return [first, second].map(char::from).iter().collect();
    }
    let packed = u16::from(first) << 8 | u16::from(second);
    [0, 5, 10].iter().map(|shift| char::from(base + u8::try_from(packed >> shift & 0x1f).unwrap_or(0))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

    use super::Config;

    fn shown(fields: &[(usize, &[u8])]) -> String {
        let mut bytes = vec![0; 64];
        for (at, field) in fields {
            bytes.splice(*at..*at + field.len(), field.iter().copied());
        }
        Config(&bytes).to_string()
    }

    #[test]
    fn qualifiers_are_written_as_folders_are_named() {
        assert_eq!(shown(&[]), "");
        assert_eq!(shown(&[(8, b"fr"), (10, b"CA"), (12, &[2]), (24, &[21])]), "fr-rCA-land-v21");
        assert_eq!(shown(&[(8, b"sr"), (36, b"Latn")]), "b+sr+Latn");
        // `fil`, packed: l, i, f from the top.
        let packed = (u16::from(b'l' - b'a') << 10 | u16::from(b'i' - b'a') << 5 | u16::from(b'f' - b'a') | 0x8000)
            .to_be_bytes();
        assert_eq!(shown(&[(8, &packed)]), "fil");
        assert_eq!(shown(&[(14, &[0xe0, 1]), (29, &[0x20]), (30, &[88, 2])]), "sw600dp-night-xxhdpi");
        assert_eq!(shown(&[(28, &[0x43]), (14, &[0xff, 0xff])]), "ldltr-large-nodpi");
        assert_eq!(shown(&[(4, &[54, 1, 0xff, 0xff])]), "mcc310-mnc00");
    }

    #[test]
    fn the_default_asks_for_nothing() {
        let mut bytes = vec![0; 56];
        bytes[0] = 56;
        assert!(Config(&bytes).is_default() && Config(&[]).is_default());
        bytes[24] = 21;
        assert!(!Config(&bytes).is_default() && Config(&bytes).is_sdk_only());
        bytes[8] = b'f';
        assert!(!Config(&bytes).is_sdk_only());
    }
}
