//! The list of SDKs, read from TOML, and how it is searched.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::rule::{FileError, Source};

/// The largest list, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// What an SDK is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Shows advertisements.
    Advertising,
    /// Watches what people do in the app.
    Analytics,
    /// Finds out which advertisement led to the app.
    Attribution,
    /// Records what is on the screen.
    SessionReplay,
    /// Collects where people are, for others.
    LocationTracking,
    /// Reports crashes and slowness.
    CrashReporting,
    /// Sends messages to the app's users.
    Messaging,
    /// Signs people in.
    Identity,
    /// Takes payments.
    Payment,
    /// Shows maps and finds places.
    Maps,
    /// Talks with people in need of help.
    Support,
    /// Switches features remotely.
    FeatureFlags,
    /// Shares with social networks.
    Social,
    /// Asks for consent.
    Consent,
    /// Finds fraud, bots and bad devices.
    FraudPrevention,
    /// Calls, video, chat.
    Communication,
    /// Plays or edits media.
    Media,
    /// Reads pictures, text, speech.
    MachineLearning,
    /// Stores data, here or in a cloud.
    Storage,
    /// Talks over the network.
    Networking,
    /// What apps are built with.
    Framework,
    /// Draws.
    Interface,
    /// Encrypts, hardens, checks.
    Security,
    /// Games.
    Game,
    /// What helps in development.
    Tool,
}

impl Category {
    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Category::Advertising => "advertising",
            Category::Analytics => "analytics",
            Category::Attribution => "attribution",
            Category::SessionReplay => "session replay",
            Category::LocationTracking => "location tracking",
            Category::CrashReporting => "crash reporting",
            Category::Messaging => "messaging",
            Category::Identity => "identity",
            Category::Payment => "payment",
            Category::Maps => "maps",
            Category::Support => "support",
            Category::FeatureFlags => "feature flags",
            Category::Social => "social",
            Category::Consent => "consent",
            Category::FraudPrevention => "fraud prevention",
            Category::Communication => "communication",
            Category::Media => "media",
            Category::MachineLearning => "machine learning",
            Category::Storage => "storage",
            Category::Networking => "networking",
            Category::Framework => "framework",
            Category::Interface => "interface",
            Category::Security => "security",
            Category::Game => "game",
            Category::Tool => "tool",
        }
    }

    /// Whether its purpose is to learn about people for somebody else.
    pub const fn is_tracker(self) -> bool {
        matches!(
            self,
            Category::Advertising
                | Category::Analytics
                | Category::Attribution
                | Category::SessionReplay
                | Category::LocationTracking
        )
    }
}

macro_rules! data {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// Kinds of data, as Google Play's data safety form names them.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Data {
            $($(#[$doc])* $name,)+
        }

        impl Data {
            /// All, in the order of the form.
            pub const ALL: &[Data] = &[$(Data::$name),+];

            /// Its name in files of rules and for people.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Data::$name => $text,)+
                }
            }
        }
    };
}

data! {
    /// Where a person is, to about 3 square kilometres.
    ApproximateLocation = "approximate-location",
    /// Where a person is.
    PreciseLocation = "precise-location",
    /// What a person is called.
    Name = "name",
    /// E-mail addresses.
    EmailAddress = "email-address",
    /// Ids of accounts.
    UserIds = "user-ids",
    /// Where a person lives.
    Address = "address",
    /// Phone numbers.
    PhoneNumber = "phone-number",
    /// Accounts and cards.
    PaymentInfo = "payment-info",
    /// What was bought.
    PurchaseHistory = "purchase-history",
    /// E-mails.
    Emails = "emails",
    /// Text messages.
    Messages = "messages",
    /// Photos.
    Photos = "photos",
    /// Videos.
    Videos = "videos",
    /// Voice.
    VoiceRecordings = "voice-recordings",
    /// Files and documents.
    Files = "files",
    /// Calendars.
    Calendar = "calendar",
    /// Contacts.
    Contacts = "contacts",
    /// What a person does in the app.
    AppInteractions = "app-interactions",
    /// What was searched for in the app.
    SearchHistory = "search-history",
    /// Which apps there are.
    InstalledApps = "installed-apps",
    /// Texts and other content by people.
    UserContent = "user-content",
    /// Pages that were looked at.
    WebHistory = "web-history",
    /// How the app crashed.
    CrashLogs = "crash-logs",
    /// How the app works.
    Diagnostics = "diagnostics",
    /// What tells a device from others.
    DeviceIds = "device-ids",
    /// Health.
    Health = "health",
    /// Sport.
    Fitness = "fitness",
}

/// An SDK.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sdk {
    /// Its name.
    pub name: String,
    /// Who makes it, if the name does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maker: Option<String>,
    /// What it is for.
    pub category: Category,
    /// The packages of its classes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Its native libraries, by name: `libflutter.so`, or a folder's name for iOS: `Sentry.framework`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub libraries: Vec<String>,
    /// Meta-data of the manifest that configures it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub meta_data: Vec<String>,
    /// The data that it touches when it is used as its maker describes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<Data>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sdk: Vec<Spanned<Sdk>>,
}

/// SDKs, with what they are found by in order, so that each is found by a binary search.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Catalogue {
    sdks: Vec<Sdk>,
    packages: Vec<(String, usize)>,
    libraries: Vec<(String, usize)>,
    meta_data: Vec<(String, usize)>,
}

/// The list that Testudo brings.
pub fn builtin() -> &'static Catalogue {
    static BUILTIN: LazyLock<Catalogue> = LazyLock::new(|| {
        // A test reads it, so that there is no error to tell here.
        Catalogue::read("sdks.toml", TEXT).unwrap_or_default()
    });
    &BUILTIN
}

const TEXT: &str = include_str!("../../rules/sdks.toml");

impl Catalogue {
    /// Reads a list.
    pub fn read(file: &str, text: &str) -> Result<Catalogue, FileError> {
        let source = Source { file, text };
        let read: File = source.read(MAX_BYTES)?;
        let mut catalogue = Catalogue::default();
        for entry in read.sdk {
            let span = entry.span();
            let sdk = entry.into_inner();
            let wrong =
                |message: String, help: &str| Err(source.wrong(&span, format!("`{}`: {message}", sdk.name), help));
            if sdk.classes.is_empty() && sdk.libraries.is_empty() && sdk.meta_data.is_empty() {
                return wrong("nothing shows it".to_owned(), "name packages of its classes");
            }
            if catalogue.sdks.iter().any(|other| other.name == sdk.name) {
                return wrong("it is there already".to_owned(), "add to that one");
            }
            let name = |byte: u8| byte.is_ascii_alphanumeric() || b"_$.".contains(&byte);
            let package = |package: &&String| {
                !package.split('.').all(|part| !part.is_empty() && part.bytes().all(name)) || package.len() > 200
            };
            if let Some(package) = sdk.classes.iter().find(package) {
                return wrong(format!("`{package}` is no package"), "write one such as `com.example.sdk`");
            }
            let index = catalogue.sdks.len();
            let all = |names: &[String]| names.iter().map(|name| (name.clone(), index)).collect::<Vec<_>>();
            catalogue.packages.extend(sdk.classes.iter().map(|package| (package.replace('.', "/"), index)));
            catalogue.libraries.extend(all(&sdk.libraries));
            catalogue.meta_data.extend(all(&sdk.meta_data));
            catalogue.sdks.push(sdk);
        }
        for names in [&mut catalogue.packages, &mut catalogue.libraries, &mut catalogue.meta_data] {
            names.sort();
            let twice = names.windows(2).find_map(|pair| match pair {
                [(one, _), (other, _)] if one == other => Some(one),
                _ => None,
            });
            if let Some(twice) = twice {
                let message = format!("`{twice}` is there twice");
                return Err(source.wrong(&(0..0), message, "leave it to one SDK"));
            }
        }
        Ok(catalogue)
    }

    /// All SDKs, in the list's order.
    pub fn sdks(&self) -> &[Sdk] {
        &self.sdks
    }

    /// The SDK that a class belongs to, by its dotted name.
    pub fn of_class(&self, class: &str) -> Option<&Sdk> {
        self.of_path(&class.replace('.', "/")).map(|(_, sdk)| sdk)
    }

    /// The SDK of a native library or framework, by its file's name.
    pub fn of_library(&self, name: &str) -> Option<&Sdk> {
        self.find(&self.libraries, name).map(|(_, sdk)| sdk)
    }

    /// The SDK that meta-data configures.
    pub fn of_meta_data(&self, name: &str) -> Option<&Sdk> {
        self.find(&self.meta_data, name).map(|(_, sdk)| sdk)
    }

    /// The longest package that a path lies in, with its SDK.
    pub(super) fn of_path(&self, path: &str) -> Option<(&str, &Sdk)> {
        let mut path = path;
        loop {
            if let Some(found) = self.find(&self.packages, path) {
                return Some(found);
            }
            path = path.rsplit_once('/')?.0;
        }
    }

    fn find<'c>(&'c self, names: &'c [(String, usize)], name: &str) -> Option<(&'c str, &'c Sdk)> {
        let at = names.binary_search_by(|(own, _)| own.as_str().cmp(name)).ok()?;
        let (own, sdk) = names.get(at)?;
        Some((own, self.sdks.get(*sdk)?))
    }
}
