//! The data safety declaration of an app, as the Play Console exports it: a table of questions and responses in CSV
//! (<https://support.google.com/googleplay/android-developer/answer/10787469>, "Import a CSV file").
//!
//! A line such as `PSL_DATA_TYPES_PERSONAL,PSL_NAME,TRUE,…` says that a kind of data is collected or shared.

use std::collections::BTreeSet;

use super::Data;

/// The largest declaration, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Why a text is no declaration.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeclarationError {
    /// It is too large.
    #[error("the declaration has {0} bytes, the limit is {MAX_BYTES}")]
    Size(usize),
    /// No question about kinds of data is there.
    #[error("there is no question `PSL_DATA_TYPES_…`; export the form from the Play Console under `App content`")]
    NoQuestions,
}

/// The responses of the form, by the kinds of data that they mean.
const RESPONSES: [(&str, Data); 28] = [
    ("PSL_APPROX_LOCATION", Data::ApproximateLocation),
    ("PSL_PRECISE_LOCATION", Data::PreciseLocation),
    ("PSL_NAME", Data::Name),
    ("PSL_EMAIL", Data::EmailAddress),
    ("PSL_USER_ACCOUNT", Data::UserIds),
    ("PSL_ADDRESS", Data::Address),
    ("PSL_PHONE", Data::PhoneNumber),
    ("PSL_CREDIT_DEBIT_BANK_ACCOUNT_NUMBER", Data::PaymentInfo),
    ("PSL_PURCHASE_HISTORY", Data::PurchaseHistory),
    ("PSL_EMAILS", Data::Emails),
    ("PSL_SMS_CALL_LOG", Data::Messages),
    ("PSL_OTHER_MESSAGES", Data::Messages),
    ("PSL_PHOTOS", Data::Photos),
    ("PSL_VIDEOS", Data::Videos),
    ("PSL_AUDIO", Data::VoiceRecordings),
    ("PSL_FILES_AND_DOCS", Data::Files),
    ("PSL_CALENDAR", Data::Calendar),
    ("PSL_CONTACTS", Data::Contacts),
    ("PSL_USER_INTERACTION", Data::AppInteractions),
    ("PSL_IN_APP_SEARCH_HISTORY", Data::SearchHistory),
    ("PSL_APPS_ON_DEVICE", Data::InstalledApps),
    ("PSL_USER_GENERATED_CONTENT", Data::UserContent),
    ("PSL_WEB_BROWSING_HISTORY", Data::WebHistory),
    ("PSL_CRASH_LOGS", Data::CrashLogs),
    ("PSL_PERFORMANCE_DIAGNOSTICS", Data::Diagnostics),
    ("PSL_DEVICE_ID", Data::DeviceIds),
    ("PSL_HEALTH", Data::Health),
    ("PSL_FITNESS", Data::Fitness),
];

/// The kinds of data that a declaration names as collected or shared.
pub fn declared(csv: &str) -> Result<BTreeSet<Data>, DeclarationError> {
    if csv.len() > MAX_BYTES {
        return Err(DeclarationError::Size(csv.len()));
    }
    let mut found = BTreeSet::new();
    let mut asked = false;
    for record in records(csv) {
        let [question, response, value, ..] = record.as_slice() else { continue };
        if !question.trim().starts_with("PSL_DATA_TYPES_") {
            continue;
        }
        asked = true;
        if value.trim().eq_ignore_ascii_case("true") {
            found.extend(RESPONSES.iter().filter(|(name, _)| *name == response.trim()).map(|(_, data)| *data));
        }
    }
    if asked { Ok(found) } else { Err(DeclarationError::NoQuestions) }
}

/// The records of a table (RFC 4180): fields in quotes may hold commas, lines and doubled quotes.
fn records(csv: &str) -> Vec<Vec<String>> {
    let mut all = vec![vec![String::new()]];
    let mut quoted = false;
    let mut characters = csv.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(character) = characters.next() {
        let Some(field) = all.last_mut().and_then(|record| record.last_mut()) else { break };
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => all.last_mut().into_iter().for_each(|record| record.push(String::new())),
            '\n' if !quoted => all.push(vec![String::new()]),
            other => field.push(other),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exported_forms_are_read() {
        let csv = "\u{feff}Question ID (machine readable),Response ID (machine readable),Response value,Answer requirement,\"Label, for people\"\r\n\
            PSL_DATA_COLLECTION_COLLECTS_PERSONAL_DATA,,TRUE,REQUIRED,\"Does it collect\nany \"\"data\"\"?\"\r\n\
            PSL_DATA_TYPES_PERSONAL,PSL_NAME,TRUE,MULTIPLE_CHOICE,Personal info / Name\r\n\
            PSL_DATA_TYPES_PERSONAL,PSL_EMAIL,,MULTIPLE_CHOICE,Personal info / Email address\r\n\
            PSL_DATA_TYPES_PERSONAL,PSL_SOMETHING_NEW,true,MULTIPLE_CHOICE,New\r\n\
            PSL_DATA_USAGE_RESPONSES:PSL_PHONE:PSL_DATA_USAGE_EPHEMERAL,,true,MAYBE_REQUIRED,Usage\r\n\
            PSL_DATA_TYPES_IDENTIFIERS,PSL_DEVICE_ID,true,MULTIPLE_CHOICE,Device\r\n";
        assert_eq!(declared(csv), Ok([Data::Name, Data::DeviceIds].into()));
        assert_eq!(declared("a,b,c\n"), Err(DeclarationError::NoQuestions));
        assert_eq!(declared(&" ".repeat(MAX_BYTES + 1)), Err(DeclarationError::Size(MAX_BYTES + 1)));
        let kinds: BTreeSet<Data> = RESPONSES.iter().map(|(_, data)| *data).collect();
        assert_eq!(kinds.len(), Data::ALL.len());
    }
}
