//! APIs of Apple's platforms that rules ask about, by families. That a program uses one is told by what it imports and by
//! the selectors that it sends; with which arguments is not known.

/// A family of APIs.
pub(super) struct Family {
    /// Its name.
    pub name: &'static str,
    /// Symbols, without the underscore of C.
    symbols: &'static [&'static str],
    /// What symbols of Swift begin with, and what that is to people.
    prefixes: &'static [(&'static str, &'static str)],
    /// Selectors of Objective-C.
    selectors: &'static [&'static str],
}

const FAMILIES: &[Family] = &[
    Family {
        name: "weak-hash",
        symbols: &["CC_MD2", "CC_MD4", "CC_MD5", "CC_MD5_Init", "CC_SHA1", "CC_SHA1_Init", "MD5_Init", "SHA1_Init"],
        prefixes: &[("$s9CryptoKit8InsecureO", "CryptoKit.Insecure")],
        selectors: &[],
    },
    Family {
        name: "weak-random",
        symbols: &["rand", "srand", "random", "srandom", "drand48", "srand48", "lrand48"],
        prefixes: &[],
        selectors: &[],
    },
    Family { name: "general-pasteboard", symbols: &["OBJC_CLASS_$_UIPasteboard"], prefixes: &[], selectors: &[] },
    Family { name: "old-web-view", symbols: &["OBJC_CLASS_$_UIWebView"], prefixes: &[], selectors: &[] },
    Family {
        name: "keychain-always",
        symbols: &["kSecAttrAccessibleAlways", "kSecAttrAccessibleAlwaysThisDeviceOnly"],
        prefixes: &[],
        selectors: &[],
    },
    Family {
        name: "biometric-event",
        symbols: &[],
        prefixes: &[],
        selectors: &["evaluatePolicy:localizedReason:reply:"],
    },
    Family {
        name: "keychain-access-control",
        symbols: &["SecAccessControlCreateWithFlags"],
        prefixes: &[],
        selectors: &[],
    },
    Family {
        name: "insecure-unarchive",
        symbols: &[],
        prefixes: &[],
        selectors: &["unarchiveObjectWithData:", "unarchiveObjectWithFile:", "unarchiveTopLevelObjectWithData:error:"],
    },
    Family {
        name: "tls-validation-off",
        symbols: &["kCFStreamSSLValidatesCertificateChain", "kCFStreamSSLAllowsAnyRoot"],
        prefixes: &[],
        selectors: &["setAllowsAnyHTTPSCertificate:forHost:", "allowsAnyHTTPSCertificateForHost:"],
    },
];

/// The family of a symbol, and its name for people.
pub(super) fn of_symbol(symbol: &str) -> Option<(&'static Family, &str)> {
    let symbol = symbol.strip_prefix('_').unwrap_or(symbol);
    FAMILIES.iter().find_map(|family| {
        let swift = family.prefixes.iter().find(|(prefix, _)| symbol.starts_with(prefix)).map(|(_, shown)| *shown);
        swift.or_else(|| family.symbols.contains(&symbol).then_some(symbol)).map(|shown| (family, shown))
    })
}

/// The family of a selector.
pub(super) fn of_selector(selector: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.selectors.contains(&selector))
}
