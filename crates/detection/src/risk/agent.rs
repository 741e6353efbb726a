//! What kind of app and system a `User-Agent` names, as coarse as two people with the same phone model share it.

/// Names of browsers, the more special first.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python", "Python"),
    ("node", "Node.js"),
    ("okhttp/", "App"),
    ("Dalvik/", "App"),
    ("CFNetwork/", "App"),
    ("Dart/", "App"),
];
/// Names of systems, the more special first.
const SYSTEMS: &[(&str, &str)] = &[
    ("Android", "Android"),
    ("okhttp", "Android"),
    ("Dalvik", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("iOS", "iPhone"),
    ("Darwin", "iPhone"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];
/// The most of a text that is looked at.
const LONGEST: usize = 256;
/// The most of an app's own name.
const LONGEST_NAME: usize = 32;

/// The kind of app and system. Versions are left out, so that an update changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Agent<'t> {
    /// The first product, as the caller names it: an app's own name.
    pub product: &'t str,
    browser: u8,
    system: u8,
}

impl<'t> Agent<'t> {
    /// Reads a `User-Agent`; any text is one.
    pub fn of(text: &'t str) -> Agent<'t> {
        let end = text.char_indices().map(|(at, _)| at).find(|at| *at >= LONGEST).unwrap_or(text.len());
        let text = text.get(..end).unwrap_or_default();
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c)).unwrap_or(text.len());
        let product = text.get(..end.min(LONGEST_NAME)).unwrap_or_default();
        Agent { product, browser: first(BROWSERS, text), system: first(SYSTEMS, text) }
    }

    /// What tells this kind from others: to be made a pseudonym before it is kept.
    pub fn fingerprint(&self) -> String {
        // All browsers call themselves Mozilla.
        let product = if self.product == "Mozilla" { "" } else { self.product };
        format!("agent\0{product}\0{}\0{}", self.browser, self.system)
    }

    /// A number for [`Agent::label`].
    pub const fn number(&self) -> u8 {
        self.browser * 16 + self.system
    }

    /// What people call the kind with this number, such as `Firefox on Android`; only words of our own.
    pub fn label(number: u8) -> String {
        let name = |list: &[(&str, &'static str)], index: u8| {
            usize::from(index).checked_sub(1).and_then(|index| list.get(index)).map(|(_, name)| *name)
        };
        match (name(BROWSERS, number / 16), name(SYSTEMS, number % 16)) {
            (Some(browser), Some(system)) => format!("{browser} on {system}"),
            (Some(name), None) | (None, Some(name)) => name.to_owned(),
            (None, None) => "Unknown device".to_owned(),
        }
    }
}

/// The place of the first entry that the text holds, from 1; 0 for none. Both lists have at most 15 entries.
fn first(list: &[(&str, &str)], text: &str) -> u8 {
    let found = list.iter().position(|(token, _)| text.contains(token));
    found.and_then(|index| u8::try_from(index + 1).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_coarse_and_named_in_our_words() {
        let cases = [
            ("Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"),
            ("Wallet/3.2 (iPhone; iOS 19.1) CFNetwork/1550 Darwin/25", "App on iPhone"),
            ("okhttp/4.12.0", "App on Android"),
            ("curl/8.5.0", "curl"),
            ("<script>alert(1)</script>", "Unknown device"),
            ("", "Unknown device"),
        ];
        for (text, label) in cases {
            assert_eq!(Agent::label(Agent::of(text).number()), label, "{text}");
        }
    }

    #[test]
    fn an_update_is_no_new_device_and_another_app_is() {
        let of = |text| Agent::of(text).fingerprint();
        assert_eq!(of("Wallet/3.2 (iPhone; iOS 19.1)"), of("Wallet/3.9 (iPhone; iOS 20.0)"));
        assert_ne!(of("Wallet/3.2 (iPhone; iOS 19.1)"), of("Shop/3.2 (iPhone; iOS 19.1)"));
        assert_ne!(of("Wallet/3.2 (iPhone; iOS 19.1)"), of("Wallet/3.2 (Android 14)"));
        let long = "ä".repeat(10_000);
        assert_eq!(Agent::of(&long).product, "");
        assert!(BROWSERS.len() <= 15 && SYSTEMS.len() <= 15);
    }
}
