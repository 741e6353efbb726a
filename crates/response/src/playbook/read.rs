//! Reading a playbook: TOML to [`Playbook`], strictly.

use std::time::Duration;

use serde::Deserialize;
use testudo_core::Severity;
use toml::Spanned;

use super::{Does, Lasts, Playbook, PlaybookError, Select, Step, Trigger, When};

/// The largest file.
const MAX_BYTES: usize = 64 * 1024;
/// The most steps.
const MAX_STEPS: usize = 32;
/// The most rules and tags of a trigger.
const MAX_NAMES: usize = 200;
/// The most bytes of a name or path.
const MAX_NAME: usize = 200;
/// The most bytes of a title; a description has ten times as many.
const MAX_TITLE: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: Spanned<String>,
    title: Spanned<String>,
    #[serde(default)]
    description: Option<Spanned<String>>,
    #[serde(default = "yes")]
    enabled: bool,
    trigger: Spanned<RawTrigger>,
    steps: Spanned<Vec<Spanned<RawStep>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrigger {
    #[serde(default)]
    rules: Vec<Spanned<String>>,
    #[serde(default)]
    tags: Vec<Spanned<String>>,
    level: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    action: Spanned<String>,
    select: Option<Spanned<String>>,
    #[serde(rename = "for")]
    lasts: Option<Spanned<String>>,
    percent: Option<Spanned<u64>>,
    route: Option<Spanned<String>>,
    path: Option<Spanned<String>>,
    channel: Option<Spanned<String>>,
    when: Option<RawWhen>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RawWhen {
    bystanders_at_most: Option<u64>,
    events_at_least: Option<u64>,
    opened_at_least: Option<u64>,
    level: Option<Spanned<String>>,
}

const fn yes() -> bool {
    true
}

/// Where errors are.
struct Source<'a> {
    file: &'a str,
    text: &'a str,
}

impl Source<'_> {
    fn wrong<T>(&self, at: &Spanned<T>, message: impl Into<String>, help: impl Into<String>) -> PlaybookError {
        PlaybookError::at(self.file, self.text, &at.span(), message.into(), Some(help.into()))
    }
}

impl Playbook {
    /// Reads the text of a file.
    pub fn read(file: &str, text: &str) -> Result<Playbook, PlaybookError> {
        let source = Source { file, text };
        if text.len() > MAX_BYTES {
            let help = "a playbook is a page; split it".to_owned();
            return Err(PlaybookError::at(file, text, &(0..0), "the file is larger than 64 KiB".into(), Some(help)));
        }
        let raw: File = toml::from_str(text).map_err(|error| {
            let message = error.message().lines().next().unwrap_or("this is not TOML").to_owned();
            let help = help_for(&message);
            PlaybookError::at(file, text, &error.span().unwrap_or(0..0), message, help)
        })?;
        let id = source.id(&raw.id)?;
        let title = source.line(&raw.title, MAX_TITLE)?;
        let description = match &raw.description {
            Some(text) => source.prose(text, MAX_TITLE * 10)?,
            None => String::new(),
        };
        let trigger = source.trigger(&raw.trigger)?;
        let steps = raw.steps.get_ref();
        if steps.is_empty() || steps.len() > MAX_STEPS {
            let message = format!("a playbook has 1 to {MAX_STEPS} steps, not {}", steps.len());
            return Err(source.wrong(&raw.steps, message, "write a `[[steps]]` for each action"));
        }
        let steps = steps.iter().map(|step| source.step(step)).collect::<Result<_, _>>()?;
        Ok(Playbook { id, title, description, enabled: raw.enabled, trigger, steps })
    }
}

/// What to write instead, for what the reader of TOML says.
fn help_for(message: &str) -> Option<String> {
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next())?;
    Some(match missing {
        "trigger" => "write `[trigger]` with `rules = [\"testudo-stuffed-account\"]`".into(),
        "steps" => "write a `[[steps]]` for each action".into(),
        "action" => format!("write one of {}", list(ACTIONS.iter().copied())),
        field => format!("write `{field} = \"...\"`"),
    })
}

/// The names of all actions of playbooks.
const ACTIONS: [&str; 13] = [
    "revoke-session",
    "revoke-family",
    "revoke-person",
    "lock-person",
    "require-step-up",
    "force-password-reset",
    "block",
    "tighten-limits",
    "restrict-routes",
    "disable-client",
    "suspend-build",
    "rotate-signing-key",
    "notify",
];

impl Source<'_> {
    fn id(&self, text: &Spanned<String>) -> Result<String, PlaybookError> {
        let id = text.get_ref();
        let clean = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if clean && (1..=64).contains(&id.len()) {
            return Ok(id.clone());
        }
        Err(self.wrong(text, "this is no id", "an id has 1 to 64 characters of `a-z 0-9 -`, such as `stuffed-account`"))
    }

    fn line(&self, text: &Spanned<String>, most: usize) -> Result<String, PlaybookError> {
        let line = text.get_ref().trim();
        if !line.is_empty() && line.len() <= most && !line.chars().any(char::is_control) {
            return Ok(line.to_owned());
        }
        Err(self.wrong(text, "this text does not fit", format!("write one line of 1 to {most} bytes")))
    }

    fn prose(&self, text: &Spanned<String>, most: usize) -> Result<String, PlaybookError> {
        let prose = text.get_ref().trim();
        let clean = !prose.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
        if clean && prose.len() <= most {
            return Ok(prose.to_owned());
        }
        Err(self.wrong(
            text,
            "this text does not fit",
            format!("write at most {most} bytes without control characters"),
        ))
    }

    fn level(&self, text: &Spanned<String>) -> Result<Severity, PlaybookError> {
        Severity::named(text.get_ref()).ok_or_else(|| {
            let help = format!("write one of {}", list(Severity::ALL.iter().map(|level| level.name())));
            self.wrong(text, format!("`{}` is no level", shown(text.get_ref())), help)
        })
    }

    fn trigger(&self, raw: &Spanned<RawTrigger>) -> Result<Trigger, PlaybookError> {
        let RawTrigger { rules, tags, level } = raw.get_ref();
        if rules.is_empty() && tags.is_empty() {
            let help = "name `rules` or `tags`; a playbook for every alert would act on what nobody thought of";
            return Err(self.wrong(raw, "the trigger fits no alert", help));
        }
        if rules.len() + tags.len() > MAX_NAMES {
            return Err(self.wrong(raw, format!("the trigger has more than {MAX_NAMES} names"), "use tags"));
        }
        let names = |names: &[Spanned<String>]| -> Result<Vec<String>, PlaybookError> {
            names.iter().map(|name| self.line(name, MAX_NAME)).collect()
        };
        let level = level.as_ref().map(|level| self.level(level)).transpose()?;
        Ok(Trigger { rules: names(rules)?, tags: names(tags)?, level })
    }

    fn step(&self, spanned: &Spanned<RawStep>) -> Result<Step, PlaybookError> {
        let raw = spanned.get_ref();
        let does = self.does(raw)?;
        self.superfluous(raw, &does)?;
        let select = self.select(raw, &does)?;
        let lasts = self.lasts(raw, &does)?;
        let when = match &raw.when {
            None => When::default(),
            Some(when) => When {
                bystanders_at_most: when.bystanders_at_most,
                events_at_least: when.events_at_least,
                opened_at_least: when.opened_at_least,
                level: when.level.as_ref().map(|level| self.level(level)).transpose()?,
            },
        };
        Ok(Step { does, select, lasts, when })
    }

    fn does(&self, raw: &RawStep) -> Result<Does, PlaybookError> {
        let needs = |what: &str, example: &str| {
            let message = format!("`{}` needs `{what}`", raw.action.get_ref());
            self.wrong(&raw.action, message, format!("write `{example}`"))
        };
        Ok(match raw.action.get_ref().as_str() {
            "revoke-session" => Does::RevokeSession,
            "revoke-family" => Does::RevokeFamily,
            "revoke-person" => Does::RevokePerson,
            "lock-person" => Does::LockPerson,
            "require-step-up" => Does::RequireStepUp,
            "force-password-reset" => Does::ForcePasswordReset,
            "block" => Does::Block,
            "tighten-limits" => {
                let percent = raw.percent.as_ref().ok_or_else(|| needs("percent", "percent = 10"))?;
                let part = u8::try_from(*percent.get_ref()).ok().filter(|part| (1..=99).contains(part));
                let part = part.ok_or_else(|| {
                    self.wrong(percent, "a part of the limits is 1 to 99 per cent", "to refuse all, use `block`")
                })?;
                let route = raw.route.as_ref().map(|route| self.path(route)).transpose()?;
                Does::TightenLimits { percent: part, route }
            }
            "restrict-routes" => {
                let path = raw.path.as_ref().ok_or_else(|| needs("path", "path = \"/transfers\""))?;
                Does::RestrictRoutes { path: self.path(path)? }
            }
            "disable-client" => Does::DisableClient,
            "suspend-build" => Does::SuspendBuild,
            "rotate-signing-key" => Does::RotateSigningKey,
            "notify" => {
                let channel = raw.channel.as_ref().ok_or_else(|| needs("channel", "channel = \"security\""))?;
                Does::Notify { channel: self.line(channel, 64)? }
            }
            other => {
                let message = format!("`{}` is no action", shown(other));
                return Err(self.wrong(&raw.action, message, format!("write one of {}", list(ACTIONS))));
            }
        })
    }

    fn path(&self, text: &Spanned<String>) -> Result<String, PlaybookError> {
        let path = text.get_ref();
        let clean = path.starts_with('/') && !path.contains(['?', '#']) && !path.chars().any(char::is_control);
        if clean && path.len() <= MAX_NAME {
            return Ok(path.clone());
        }
        Err(self.wrong(text, "this is no path", "a path starts with `/`, as in `/transfers`"))
    }

    /// Keys that mean nothing for the action are mistakes.
    fn superfluous(&self, raw: &RawStep, does: &Does) -> Result<(), PlaybookError> {
        let limits = matches!(does, Does::TightenLimits { .. });
        let unused = [
            ("percent", raw.percent.as_ref().map(Spanned::span), limits),
            ("route", raw.route.as_ref().map(Spanned::span), limits),
            ("path", raw.path.as_ref().map(Spanned::span), matches!(does, Does::RestrictRoutes { .. })),
            ("channel", raw.channel.as_ref().map(Spanned::span), matches!(does, Does::Notify { .. })),
            ("for", raw.lasts.as_ref().map(Spanned::span), does.is_limited()),
            ("select", raw.select.as_ref().map(Spanned::span), !does.selects().is_empty()),
        ];
        for (key, span, used) in unused {
            if let (Some(span), false) = (span, used) {
                let message = format!("`{key}` means nothing for `{}`", does.name());
                let help = match (key, does) {
                    ("select", Does::TightenLimits { .. }) => "a route is for all of its callers; take `select` out",
                    ("for", _) => "what it does can't be taken back; take the line out",
                    _ => "take the line out",
                };
                return Err(PlaybookError::at(self.file, self.text, &span, message, Some(help.into())));
            }
        }
        Ok(())
    }

    fn select(&self, raw: &RawStep, does: &Does) -> Result<Option<Select>, PlaybookError> {
        let allowed = does.selects();
        if allowed.is_empty() {
            return Ok(None);
        }
        let help = || format!("write `select` as one of {}", list(allowed.iter().map(|select| select.name())));
        let Some(text) = &raw.select else {
            return Err(self.wrong(&raw.action, format!("`{}` does not say to whom", does.name()), help()));
        };
        let select = allowed.iter().copied().find(|select| select.name() == text.get_ref());
        select.map(Some).ok_or_else(|| {
            let known = Select::ALL.iter().any(|select| select.name() == text.get_ref());
            let name = shown(text.get_ref());
            let message = if known {
                format!("`{}` can't be done to `{name}`", does.name())
            } else {
                format!("`{name}` selects nothing")
            };
            self.wrong(text, message, help())
        })
    }

    fn lasts(&self, raw: &RawStep, does: &Does) -> Result<Option<Lasts>, PlaybookError> {
        if !does.is_limited() {
            return Ok(None);
        }
        let Some(text) = &raw.lasts else {
            let message = format!("`{}` does not say for how long", does.name());
            return Err(self.wrong(&raw.action, message, "write `for = \"30m\"`; what is done must end"));
        };
        if text.get_ref() == "until-undone" {
            if does.may_last() {
                return Ok(Some(Lasts::UntilUndone));
            }
            let message = format!("`{}` must have an end", does.name());
            return Err(self.wrong(text, message, "write a time, such as `for = \"30m\"`"));
        }
        let duration = duration(text.get_ref()).filter(|time| (Lasts::SHORTEST..=Lasts::LONGEST).contains(time));
        duration.map(|time| Some(Lasts::For(time))).ok_or_else(|| {
            let message = format!("`{}` is no time", shown(text.get_ref()));
            self.wrong(text, message, "write `90s`, `30m`, `12h` or `7d`; 400 days at most")
        })
    }
}

/// `90s`, `30m`, `12h`, `7d`.
fn duration(text: &str) -> Option<Duration> {
    let unit = match text.bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        _ => return None,
    };
    let number = text.get(..text.len() - 1)?;
    if number.is_empty() || number.len() > 9 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(unit).map(Duration::from_secs)
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// What somebody wrote, short enough for a message.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
