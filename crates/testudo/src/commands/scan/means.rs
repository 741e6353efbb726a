//! What an analysis works with: rules, kinds of secrets, known vulnerabilities, registered certificates.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;
use testudo_scan::analyse::Options;
use testudo_scan::dependencies::Index;
use testudo_scan::rule::RulePack;
use testudo_scan::sdks::{Data, declared};
use testudo_scan::secrets::Scanner;

use super::super::Failure;
use super::{read, read_text};

/// The largest index, the largest file of rules, and the largest data safety form, in bytes.
const LARGEST_INDEX: u64 = 4 << 30;
const LARGEST_RULES: u64 = 4 << 20;
const LARGEST_FORM: u64 = 1 << 20;
/// From this age on an index is told to be old, in days.
const OLD: i64 = 30;

/// What every analysis takes.
#[derive(Debug, Args)]
pub struct MeansArgs {
    /// The index of known vulnerabilities that `testudo scan db import` wrote. Without it dependencies are listed only.
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Rules beside those that Testudo brings; may be given several times.
    #[arg(long, value_name = "FILE")]
    rules: Vec<PathBuf>,
    /// SHA-256 of the certificate that is registered for the app, in hexadecimal digits; may be given several times. A
    /// package that another key signed fails with exit code 4.
    #[arg(long, value_name = "SHA256")]
    certificate: Vec<String>,
    /// The app's data safety form, as the Play Console exports it (CSV): what SDKs touch and it does not declare is told.
    #[arg(long, value_name = "FILE")]
    data_safety: Option<PathBuf>,
}

/// The means, loaded once for all targets.
pub struct Means {
    /// The rules.
    pub rules: RulePack,
    /// The day of the scan.
    pub today: Date,
    /// How old the index is, if it is old.
    pub old: Option<i64>,
    secrets: Scanner,
    index: Option<Vec<u8>>,
    certificates: Vec<[u8; 32]>,
    declared: Option<BTreeSet<Data>>,
}

impl Means {
    /// Loads them.
    pub fn load(arguments: &MeansArgs) -> Result<Means, Failure> {
        let now = jiff::Timestamp::now();
        // In UTC, so that machines agree.
        let today = now.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
        let rules = rules(&arguments.rules)?;
        let secrets = Scanner::builtin().map_err(Failure::dependency)?.at(now.as_second());
        let index = arguments.db.as_deref().map(|file| read(file, LARGEST_INDEX)).transpose()?;
        let mut old = None;
        if let Some(bytes) = &index {
            let opened = open(bytes)?;
            opened.verify().map_err(Failure::usage)?;
            old = Some(opened.about().age_in_days(now.as_second())).filter(|days| *days > OLD);
        }
        let certificates = arguments.certificate.iter().map(|text| digest(text)).collect::<Result<_, _>>()?;
        let form = arguments.data_safety.as_deref().map(|file| {
            let refused = |error| Failure::usage(format!("`{}`: {error}", file.display()));
            declared(&read_text(file, LARGEST_FORM)?).map_err(refused)
        });
        Ok(Means { rules, today, old, secrets, index, certificates, declared: form.transpose()? })
    }

    /// For the analysis.
    pub fn options(&self) -> Result<Options<'_>, Failure> {
        Ok(Options {
            index: self.index.as_deref().map(open).transpose()?,
            certificates: &self.certificates,
            declared: self.declared.as_ref(),
            ..Options::new(&self.rules, &self.secrets, self.today)
        })
    }
}

/// The rules that Testudo brings, with those of more files.
pub fn rules(more: &[PathBuf]) -> Result<RulePack, Failure> {
    let texts: Vec<(String, String)> = more
        .iter()
        .map(|file| Ok((file.display().to_string(), read_text(file, LARGEST_RULES)?)))
        .collect::<Result<_, Failure>>()?;
    RulePack::builtin_with(texts.iter().map(|(file, text)| (file.as_str(), text.as_str()))).map_err(Failure::usage)
}

fn open(bytes: &[u8]) -> Result<Index<'_>, Failure> {
    Index::open(bytes).map_err(Failure::usage)
}

/// A digest of 32 bytes, with or without colons, as tools print it.
fn digest(text: &str) -> Result<[u8; 32], Failure> {
    let plain: String = text.chars().filter(|character| *character != ':').collect();
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(plain.as_bytes()).ok();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        Failure::usage(format!(
            "`{text}` is no SHA-256 digest of a certificate: give its 64 hexadecimal digits, as `apksigner verify --print-certs` prints them"
        ))
    })
}
