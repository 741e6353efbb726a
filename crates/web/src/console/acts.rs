//! Acts that take something away from somebody, or give it back: a page that asks for the reason, behind a fresh factor.
//!
//! The page is asked for first and the factor before it, so that nothing that was typed is lost.

#![expect(clippy::needless_pass_by_value, reason = "what is handed over is done with")]
#![expect(clippy::too_many_lines, reason = "one table, to be read from top to bottom")]

use std::str::FromStr;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use testudo_access::Permission;
use testudo_core::{Action, ClientId, FamilyId, IncidentId, PersonId, ResponseId, SessionId};

use super::Console;
use super::desk::{Answer, Desk};
use super::house::Act;
use super::layout::Layout;
use crate::form::{Form, LARGEST};

/// The longest reason, in characters. It goes to the journal in plain.
const LONGEST_REASON: usize = 200;

/// What a page of an act says.
struct Words {
    heading: &'static str,
    text: &'static str,
    button: &'static str,
    /// The notice afterwards.
    done: &'static str,
    gentle: bool,
}

#[derive(Template)]
#[template(path = "console/act.html")]
struct Page {
    layout: Layout,
    heading: &'static str,
    text: &'static str,
    button: &'static str,
    gentle: bool,
    act: String,
    target: String,
    back: String,
    fault: Option<&'static str>,
    reason: String,
}

/// An act of an address.
struct Asked {
    act: Act,
    needs: Permission,
    words: Words,
    /// Where to go afterwards, unless the page that led here says otherwise.
    home: String,
}

fn asked(act: &str, target: &str) -> Option<Asked> {
    let person = || PersonId::from_str(target).ok();
    let pair = || {
        let (incident, response) = target.split_once('.').or_else(|| target.split_once('-'))?;
        Some((incident.parse::<IncidentId>().ok()?, response.parse::<ResponseId>().ok()?))
    };
    let incident = || target.parse::<IncidentId>().ok();
    let of = |act: Act, needs, words: Words, home: String| Some(Asked { act, needs, words, home });
    let account = |action: fn(PersonId) -> Action, needs, words: Words| {
        let person = person()?;
        of(Act::Perform(action(person)), needs, words, format!("/people/{person}"))
    };
    let words = |heading, text, button, done, gentle| Words { heading, text, button, done, gentle };
    match act {
        "revoke-session" => {
            let session = target.parse::<SessionId>().ok()?;
            let words = words(
                "End this session?",
                "Its tokens stop working at once. She can sign in again.",
                "End the session",
                "revoked",
                false,
            );
            of(Act::Perform(Action::RevokeSession { session }), Permission::SessionsRevoke, words, "/people".into())
        }
        "revoke-family" => {
            let family = target.parse::<FamilyId>().ok()?;
            let words = words(
                "End this app's sign-in?",
                "The app must ask her to sign in again.",
                "End the sign-in",
                "revoked",
                false,
            );
            of(Act::Perform(Action::RevokeFamily { family }), Permission::SessionsRevoke, words, "/people".into())
        }
        "revoke-person" => account(
            |person| Action::RevokePerson { person },
            Permission::SessionsRevoke,
            words(
                "End all sessions?",
                "All of her sessions and tokens end at once, in all apps and browsers.",
                "End all sessions",
                "revoked",
                false,
            ),
        ),
        "lock-person" => account(
            |person| Action::LockPerson { person },
            Permission::PeopleLock,
            words(
                "Lock this account?",
                "Nobody can sign in with it until it is unlocked, and all of its sessions end.",
                "Lock the account",
                "locked",
                false,
            ),
        ),
        "unlock-person" => account(
            |person| Action::UnlockPerson { person },
            Permission::PeopleLock,
            words("Unlock this account?", "It may sign in again.", "Unlock the account", "unlocked", true),
        ),
        "require-step-up" => account(
            |person| Action::RequireStepUp { person },
            Permission::PeopleLock,
            words(
                "Ask for a second factor?",
                "Her next request is refused until she shows a second factor.",
                "Ask for a second factor",
                "step-up",
                false,
            ),
        ),
        "waive-step-up" => account(
            |person| Action::WaiveStepUp { person },
            Permission::PeopleLock,
            words("Waive the second factor?", "What was asked of her is no longer asked.", "Waive it", "waived", true),
        ),
        "force-password-reset" => account(
            |person| Action::ForcePasswordReset { person },
            Permission::PeopleLock,
            words(
                "Ask for a new password?",
                "She must choose another one at the next sign-in.",
                "Ask for a new password",
                "reset",
                false,
            ),
        ),
        "waive-password-reset" => account(
            |person| Action::WaivePasswordReset { person },
            Permission::PeopleLock,
            words("Waive the new password?", "She may keep the one that she has.", "Waive it", "waived", true),
        ),
        "disable-client" => {
            let client = target.parse::<ClientId>().ok()?;
            let words = words(
                "Disable this client?",
                "It gets no tokens, and the ones that it has stop working.",
                "Disable the client",
                "client",
                false,
            );
            of(Act::Perform(Action::DisableClient { client }), Permission::ClientsWrite, words, "/limits".into())
        }
        "enable-client" => {
            let client = target.parse::<ClientId>().ok()?;
            let words = words("Enable this client?", "It may get tokens again.", "Enable the client", "client", true);
            of(Act::Perform(Action::EnableClient { client }), Permission::ClientsWrite, words, "/limits".into())
        }
        "lift" => {
            let plain =
                (1..=64).contains(&target.len()) && target.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            let words =
                words("Lift this measure?", "Whoever it held off is served again at once.", "Lift it", "lifted", true);
            plain.then_some(())?;
            of(Act::Lift(target.into()), Permission::BlocksWrite, words, "/limits".into())
        }
        "undo" | "approve" | "decline" => {
            let (incident, response) = pair()?;
            let home = format!("/incidents/{incident}");
            let (act, words) = match act {
                "undo" => (
                    Act::Undo(incident, response),
                    words(
                        "Undo this action?",
                        "What it did is taken back, as far as it can be.",
                        "Undo it",
                        "undone",
                        true,
                    ),
                ),
                "approve" => (
                    Act::Approve(incident, response),
                    words(
                        "Approve this action?",
                        "It is done at once. Whoever proposed it can't approve it.",
                        "Approve it",
                        "approved",
                        false,
                    ),
                ),
                _ => (
                    Act::Decline(incident, response),
                    words("Decline this action?", "It will not be done.", "Decline it", "declined", true),
                ),
            };
            of(act, Permission::LimitsWrite, words, home)
        }
        "close" => {
            let incident = incident()?;
            let words = words(
                "Close this incident?",
                "Its time-limited actions end when their time is over. New alerts open a new one.",
                "Close it",
                "closed",
                true,
            );
            of(Act::Close(incident, false), Permission::LimitsWrite, words, format!("/incidents/{incident}"))
        }
        "false-alarm" => {
            let incident = incident()?;
            let words = words(
                "Was it a false alarm?",
                "The incident is closed, and everything that it did and that can be taken back is taken back.",
                "Close it and undo everything",
                "closed",
                true,
            );
            of(Act::Close(incident, true), Permission::LimitsWrite, words, format!("/incidents/{incident}"))
        }
        "breach" => {
            let incident = incident()?;
            let words = words(
                "Were personal data breached?",
                "From now on the 72 hours of GDPR article 33 run, and its facts are drafted here.",
                "Start the clock",
                "aware",
                false,
            );
            of(Act::BreachAware(incident), Permission::LimitsWrite, words, format!("/incidents/{incident}"))
        }
        _ => None,
    }
}

/// The page that asks.
pub(crate) async fn ask(
    State(console): State<Console>,
    Path((act, target)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let Some(asked) = asked(&act, &target) else { return Err(nothing(&console, request).await) };
    let desk = Desk::open(&console, &request, asked.needs).await?;
    let back = desk.visit.param("back").filter(|back| is_back(back)).unwrap_or_else(|| asked.home.clone());
    if !desk.is_fresh() {
        let here = format!("/acts/{act}/{target}?back={}", back.replace('/', "%2F"));
        return Err(desk.confirm(&here));
    }
    let page = page(&desk, &act, &target, asked.words, back, None, String::new());
    Ok(desk.page(&page))
}

/// Does it.
pub(crate) async fn perform(
    State(console): State<Console>,
    Path((act, target)): Path<(String, String)>,
    request: Request,
) -> Answer {
    let Some(asked) = asked(&act, &target) else { return Err(nothing(&console, request).await) };
    let again = format!("/acts/{act}/{target}");
    let (desk, form) = Desk::posted(&console, request, asked.needs, &again, LARGEST).await?;
    let back = Some(form.text("back").to_owned()).filter(|back| is_back(back)).unwrap_or_else(|| asked.home.clone());
    if !desk.is_fresh() {
        return Err(desk.confirm(&format!("{again}?back={}", back.replace('/', "%2F"))));
    }
    let Some(reason) = valid(form.text("reason")) else {
        let typed = form.text("reason").chars().take(LONGEST_REASON).collect();
        let page = page(&desk, &act, &target, asked.words, back, Some(NO_REASON), typed);
        return Ok(desk.page_with(axum::http::StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    match desk.perform(asked.act, asked.needs, &reason).await? {
        Ok(()) => Ok(desk.visit.see(&format!("{back}?done={}", asked.words.done))),
        Err(error) => Err(desk.trouble(&error)),
    }
}

fn page(
    desk: &Desk,
    act: &str,
    target: &str,
    words: Words,
    back: String,
    fault: Option<&'static str>,
    reason: String,
) -> Page {
    Page {
        layout: desk.layout(words.heading, ""),
        heading: words.heading,
        text: words.text,
        button: words.button,
        gentle: words.gentle,
        act: act.to_owned(),
        target: target.to_owned(),
        back,
        fault,
        reason,
    }
}

async fn nothing(console: &Console, request: Request) -> Response {
    let desk = Desk::open(console, &request, Permission::AuditRead);
    match desk.await {
        Ok(desk) => desk.missing("act"),
        Err(response) => response,
    }
}

const NO_REASON: &str = "Write a reason of 1 to 200 characters. It is kept in the log: no personal data, please.";

/// A reason that may go to the journal.
pub(crate) fn valid(reason: &str) -> Option<String> {
    let reason = reason.trim();
    let fits = (1..=LONGEST_REASON).contains(&reason.chars().count()) && !reason.chars().any(char::is_control);
    fits.then(|| reason.to_owned())
}

/// The reason of a form, or the page that says that it is missing.
pub(crate) fn reason(desk: &Desk, form: &Form) -> Result<String, Response> {
    valid(form.text("reason")).ok_or_else(|| desk.trouble(&super::HouseError::Refused(NO_REASON.to_owned())))
}

/// Where an act may lead back to: a page of the console with ids in its path and no query.
fn is_back(back: &str) -> bool {
    !back.contains('?') && crate::return_to::ReturnTo::parse(back).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_an_act_or_none() {
        assert!(asked("lock-person", "ada@example.org").is_none());
        assert!(
            asked("lift", "00ff").is_some() && asked("lift", "203.0.113.0/24").is_none() && asked("lift", "").is_none()
        );
        assert!(asked("drop-table", "x").is_none());
        assert!(is_back("/people") && is_back("/") && !is_back("//evil.org") && !is_back("https://evil.org/"));
        assert!(!is_back("/events?kind=sign-in"));
        assert_eq!(valid(" because \u{7}"), None);
        assert_eq!(valid(&"x".repeat(201)), None);
        assert_eq!(valid(" because "), Some("because".into()));
    }
}
