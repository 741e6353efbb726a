//! Browser sessions: the cookie, what it stands for, and how it ends.
//!
//! The cookie holds a random token of 256 bits; the store holds its SHA-256. A sign-in makes a new session with a new
//! token, and a step-up gives the session a new token, so a token that was planted or seen before is worth nothing after
//! (session fixation). The session's id is no secret and stays through a step-up: refresh families hang on it.

use std::time::Duration;

use testudo_core::{Actor, EventKind, PersonId, Secret, SessionId, Timestamp};
use testudo_crypto::random;
use testudo_store::{CommitError, Stored, Tx};

use super::known;
use super::person::{Person, PersonState};
use super::sealed::TokenHash;
use super::sign_in::actor;
use crate::{Acr, Amr, Context, Identity, IdentityError, Session, SessionState, SignedIn};

/// How often `seen` is written: more often would be a commit for each page.
const SEEN_EVERY: Duration = Duration::from_mins(10);
/// The longest browser label that is kept, in characters.
const LONGEST_LABEL: usize = 64;

/// A session that has just begun or was raised, with what the browser must keep.
#[derive(Debug)]
pub struct NewSession {
    /// Who is signed in.
    pub who: SignedIn,
    /// The new cookie.
    pub cookie: Secret<String>,
    /// The mark that makes this browser known.
    pub known: Secret<String>,
}

impl NewSession {
    pub(crate) fn actor(&self) -> Actor {
        who(&self.who)
    }
}

/// A session as the person sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub current: bool,
    /// The browser, such as `Firefox on Android`.
    pub browser: String,
    /// The address that it began from.
    pub address: Option<String>,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used.
    pub seen: Timestamp,
    /// How strong its sign-in was.
    pub acr: Acr,
}

impl Identity {
    /// Who is signed in with this cookie, if anybody.
    pub async fn browser(&self, cookie: Option<&str>, ctx: &Context) -> Result<Option<SignedIn>, IdentityError> {
        let Some((session, person)) = self.session_of(cookie, ctx).await? else { return Ok(None) };
        let signed_in = signed_in(&session.document, &person.document);
        if ctx.now.since(session.document.seen) >= SEEN_EVERY.min(self.config.idle(self.entrance) / 4) {
            let mut tx = Tx::new();
            tx.update(&Session { seen: ctx.now, ..session.document }, session.version);
            match self.store.commit(tx).await {
                // Somebody else touched, raised or ended it: the next request sees that.
                Ok(_) | Err(CommitError::Conflict { .. } | CommitError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(signed_in))
    }

    /// The live session of a cookie and its person.
    pub(crate) async fn session_of(
        &self,
        cookie: Option<&str>,
        ctx: &Context,
    ) -> Result<Option<(Stored<Session>, Stored<Person>)>, IdentityError> {
        let Some(token) = cookie.and_then(TokenHash::of) else { return Ok(None) };
        let Some(session) = self.store.find::<Session>("cookie", token.as_bytes()).await?.pop() else {
            return Ok(None);
        };
        let Some(person) = self.store.get::<Person>(session.document.person).await? else { return Ok(None) };
        let idle = ctx.now.since(session.document.seen) >= self.config.idle(self.entrance);
        let over = idle || ctx.now >= session.document.ends;
        let live = session.document.state == SessionState::Active
            && session.document.entrance == self.entrance
            && session.document.epoch == person.document.epoch
            && person.document.state == PersonState::Active;
        let cut = session.document.created < self.sessions_cutoff().await?;
        Ok((live && !over && !cut).then_some((session, person)))
    }

    /// Adds a new session to the transaction, with its event.
    pub(crate) fn start_session(&self, tx: &mut Tx, person: &Person, amr: Vec<Amr>, ctx: &Context) -> NewSession {
        let token = random::token();
        let session = Session {
            id: SessionId::new(ctx.now, random::array()),
            person: person.id,
            cookie: *TokenHash::of_new(&token).as_bytes(),
            created: ctx.now,
            seen: ctx.now,
            ends: ctx.now.plus(self.config.absolute(self.entrance)),
            auth_time: ctx.now,
            acr: strength(&amr),
            factor_time: (strength(&amr) >= Acr::SecondFactor).then_some(ctx.now),
            entrance: self.entrance,
            amr,
            state: SessionState::Active,
            address: Some(ctx.address.to_string()),
            user_agent: ctx.user_agent.as_deref().map(label),
            epoch: person.epoch,
        };
        tx.insert(&session);
        let event = ctx.event(EventKind::SessionStarted).by(owner(&session)).on(session.id.to_string());
        tx.event(event.detail("acr", session.acr.as_str()));
        self.new_session(&session, person, token, ctx.now)
    }

    /// Replaces a session's token and, when stronger, its strength.
    pub(crate) fn raise_session(
        &self,
        tx: &mut Tx,
        session: Stored<Session>,
        person: &Person,
        amr: &[Amr],
        ctx: &Context,
    ) -> NewSession {
        let token = random::token();
        let Stored { document: mut session, version } = session;
        for way in amr {
            if !session.amr.contains(way) {
                session.amr.push(*way);
            }
        }
        session.acr = session.acr.max(strength(&session.amr));
        if strength(amr) >= Acr::SecondFactor {
            session.factor_time = Some(ctx.now);
        }
        if amr.contains(&Amr::Pop) {
            // A passkey with user verification is a whole sign-in again, not one factor of it.
            session.auth_time = ctx.now;
        }
        session.cookie = *TokenHash::of_new(&token).as_bytes();
        session.seen = ctx.now;
        session.epoch = person.epoch;
        tx.update(&session, version);
        self.new_session(&session, person, token, ctx.now)
    }

    fn new_session(&self, session: &Session, person: &Person, cookie: Secret<String>, now: Timestamp) -> NewSession {
        NewSession { who: signed_in(session, person), cookie, known: known::mark(&self.store.ring(), person, now) }
    }

    /// Ends the session of a cookie with all of its tokens. A cookie without a session is signed out already.
    pub async fn sign_out(&self, cookie: Option<&str>, ctx: &Context) -> Result<Option<SignedIn>, IdentityError> {
        let Some((session, person)) = self.session_of(cookie, ctx).await? else { return Ok(None) };
        let signed_in = signed_in(&session.document, &person.document);
        self.revoke_session(signed_in.session, who(&signed_in), "signed-out", ctx).await?;
        let mut tx = Tx::new();
        tx.event(ctx.event(EventKind::SignOut).by(who(&signed_in)));
        self.store.commit(tx).await?;
        Ok(Some(signed_in))
    }

    /// Ends a session that has just begun at the admin address by somebody who administers nothing.
    pub async fn refuse_entrance(&self, signed_in: &SignedIn, ctx: &Context) -> Result<(), IdentityError> {
        self.revoke_session(signed_in.session, who(signed_in), "no-administrator", ctx).await?;
        let mut tx = Tx::new();
        let event = ctx.event(EventKind::AdminActed).by(who(signed_in)).detail("act", "sign-in");
        tx.event(event.failed(testudo_core::Control::Authorization, "no-role"));
        self.store.commit(tx).await?;
        Ok(())
    }

    /// Ends all sessions of the person, this one too.
    pub async fn sign_out_everywhere(&self, signed_in: &SignedIn, ctx: &Context) -> Result<(), IdentityError> {
        self.revoke_person(signed_in.person, who(signed_in), "signed-out-everywhere", ctx).await?;
        let mut tx = Tx::new();
        tx.event(ctx.event(EventKind::SignOut).by(who(signed_in)).detail("scope", "everywhere"));
        self.store.commit(tx).await?;
        Ok(())
    }

    /// Ends one session of the person, if it is hers.
    pub async fn end_own_session(
        &self,
        signed_in: &SignedIn,
        session: SessionId,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        match self.store.get::<Session>(session).await? {
            Some(stored) if stored.document.person == signed_in.person => {
                self.revoke_session(session, who(signed_in), "ended-by-person", ctx).await
            }
            _ => Err(IdentityError::NotFound("session")),
        }
    }

    /// The person's live sessions, the current first, then the latest used.
    pub async fn own_sessions(&self, signed_in: &SignedIn, ctx: &Context) -> Result<Vec<SessionView>, IdentityError> {
        let Some(person) = self.store.get::<Person>(signed_in.person).await? else { return Ok(Vec::new()) };
        let found = self.store.find::<Session>("person", &signed_in.person.to_bytes()).await?;
        let live = |session: &Session| self.is_live(session, &person.document, ctx.now);
        let mut views: Vec<SessionView> = found
            .into_iter()
            .map(|stored| stored.document)
            .filter(live)
            .map(|session| SessionView {
                id: session.id,
                current: session.id == signed_in.session,
                browser: session.user_agent.unwrap_or_else(|| label("")),
                address: session.address,
                created: session.created,
                seen: session.seen,
                acr: session.acr,
            })
            .collect();
        views.sort_by_key(|view| (!view.current, std::cmp::Reverse(view.seen), view.id));
        Ok(views)
    }

    /// Ends every session of the person but this one, with their tokens.
    pub(crate) async fn end_other_sessions(
        &self,
        person: PersonId,
        keep: SessionId,
        reason: &str,
        ctx: &Context,
    ) -> Result<(), IdentityError> {
        for stored in self.store.find::<Session>("person", &person.to_bytes()).await? {
            let session = stored.document;
            if session.id != keep && session.state == SessionState::Active && ctx.now < session.ends {
                self.revoke_session(session.id, actor(person), reason, ctx).await?;
            }
        }
        Ok(())
    }
}

/// The actor of events that somebody in a session causes.
pub(crate) fn who(signed_in: &SignedIn) -> Actor {
    Actor { person: Some(signed_in.person), session: Some(signed_in.session), ..Actor::default() }
}

fn owner(session: &Session) -> Actor {
    Actor { person: Some(session.person), session: Some(session.id), ..Actor::default() }
}

pub(crate) fn signed_in(session: &Session, person: &Person) -> SignedIn {
    SignedIn {
        person: session.person,
        session: session.id,
        auth_time: session.auth_time,
        acr: session.acr,
        amr: session.amr.clone(),
        roles: person.roles.clone(),
        entrance: session.entrance,
        factor_time: session.factor_time,
    }
}

/// Two factors of different kinds are the second level.
fn strength(amr: &[Amr]) -> Acr {
    if amr.iter().any(|way| matches!(way, Amr::Otp | Amr::Rc | Amr::Pop)) { Acr::SecondFactor } else { Acr::Password }
}

/// A `User-Agent` as people say it. The text is the caller's, so only words of this list come out.
fn label(user_agent: &str) -> String {
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
    ];
    const SYSTEMS: &[(&str, &str)] = &[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let first = |list: &[(&str, &'static str)]| {
        list.iter().find(|(token, _)| user_agent.contains(token)).map(|(_, name)| *name)
    };
    let text = match (first(BROWSERS), first(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "Unknown browser".to_owned(),
    };
    text.chars().take(LONGEST_LABEL).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_as_people_say_it() {
        let cases = [
            ("Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605 Version/19 Mobile Safari/604",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 (KHTML, like Gecko) Chrome/140 Safari/537 Edg/140",
                "Edge on Windows",
            ),
            ("curl/8.5", "curl"),
            ("<script>", "Unknown browser"),
            ("", "Unknown browser"),
        ];
        for (text, expected) in cases {
            assert_eq!(label(text), expected);
        }
    }

    #[test]
    fn a_code_makes_the_second_level() {
        assert_eq!(strength(&[Amr::Pwd]), Acr::Password);
        assert_eq!(strength(&[Amr::Pwd, Amr::Otp]), Acr::SecondFactor);
        assert_eq!(strength(&[Amr::Pwd, Amr::Rc]), Acr::SecondFactor);
        assert_eq!(strength(&[Amr::Pop]), Acr::SecondFactor, "a verified passkey is two factors");
    }
}
