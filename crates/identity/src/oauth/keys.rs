//! The keys that sign tokens: one that signs, the next one that is published ahead, and old ones that still verify.
//!
//! They live in the store, sealed. A node holds them in memory as one immutable snapshot and swaps it when they change.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use testudo_core::{Actor, EventKind, Secret, Timestamp};
use testudo_crypto::jose::{Algorithm, KeySet, SigningKey};
use testudo_store::{CommitError, Document, Indexes, Key, Stored, Tx};

use super::authority::Authority;
use super::client::LONGEST_ACCESS_TOKEN;
use crate::{Context, Identity, IdentityError};

/// How long an old key is published beyond the longest life of what it signed.
const MARGIN: Duration = Duration::from_mins(5);
/// How old a signing key gets before it is replaced by itself.
const OLDEST: Duration = Duration::from_hours(30 * 24);
/// How long the next key is published before it signs.
const AHEAD: Duration = Duration::from_hours(24);

/// What a key does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It is published and will sign.
    Next,
    /// It signs.
    Current,
    /// It only verifies what it signed.
    Retired,
}

/// How keys are rotated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// The old key verifies until its tokens have expired.
    Graceful,
    /// The old key, and the next one, are void at once, and so are all tokens of the old one.
    Compromised,
}

/// A key as administrators see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct KeyInfo {
    /// Its id (RFC 7638 thumbprint).
    pub kid: String,
    /// What it does.
    pub state: KeyState,
    /// When it was made.
    pub created: Timestamp,
    /// Since when it signs.
    pub activated: Option<Timestamp>,
    /// Until when it verifies.
    pub until: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct KeyRecord {
    kid: String,
    state: KeyState,
    created: Timestamp,
    activated: Option<Timestamp>,
    until: Option<Timestamp>,
    #[serde(with = "pkcs8")]
    secret: Secret<Vec<u8>>,
}

/// PKCS#8 as base64, zeroized on the way.
mod pkcs8 {
    use data_encoding::BASE64;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use testudo_core::Secret;
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(secret: &Secret<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(BASE64.encode(secret.expose())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<Vec<u8>>, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        BASE64.decode(text.as_bytes()).map(Secret::new).map_err(|_| D::Error::custom("not base64"))
    }
}

impl KeyRecord {
    fn new(state: KeyState, now: Timestamp) -> Result<KeyRecord, IdentityError> {
        let key = SigningKey::generate(Algorithm::Es256).map_err(|_| IdentityError::Broken("signing key"))?;
        let activated = (state == KeyState::Current).then_some(now);
        let (kid, secret) = (key.kid().to_owned(), key.to_secret_bytes());
        Ok(KeyRecord { kid, state, created: now, activated, until: None, secret })
    }

    fn open(&self) -> Result<SigningKey, IdentityError> {
        SigningKey::from_secret_bytes(self.secret.expose()).map_err(|_| IdentityError::Broken("signing key"))
    }

    fn info(&self) -> KeyInfo {
        KeyInfo {
            kid: self.kid.clone(),
            state: self.state,
            created: self.created,
            activated: self.activated,
            until: self.until,
        }
    }
}

impl Document for KeyRecord {
    const KIND: &'static str = "signing-key";

    fn id(&self) -> Key {
        Key::from(self.kid.as_str())
    }

    fn created(&self) -> Timestamp {
        self.created
    }

    fn expires(&self) -> Option<Timestamp> {
        self.until
    }

    fn state(&self) -> u8 {
        match self.state {
            KeyState::Next => 0,
            KeyState::Current => 1,
            KeyState::Retired => 2,
        }
    }

    fn indexes(&self, indexes: &mut Indexes) {
        // There is one current and one next key, also when two nodes start or rotate at once.
        match self.state {
            KeyState::Next => indexes.unique_plain("slot", "next"),
            KeyState::Current => indexes.unique_plain("slot", "current"),
            KeyState::Retired => {}
        }
    }
}

/// The keys as one snapshot.
pub(crate) struct Keys {
    /// The key that signs.
    pub(crate) current: SigningKey,
    /// What verifies, and what is published.
    pub(crate) set: Arc<KeySet>,
    /// All of them.
    pub(crate) infos: Vec<KeyInfo>,
}

impl Identity {
    /// Reads the signing keys, and makes the first ones. Call it at start, and when `key.rotated` is seen in the
    /// journal: another node may have rotated them.
    pub async fn load_keys(&self, ctx: &Context) -> Result<(), IdentityError> {
        for _ in 0..4 {
            let records = self.key_records(ctx).await?;
            let has = |state| records.iter().any(|record| record.document.state == state);
            let missing: Vec<_> =
                [KeyState::Current, KeyState::Next].into_iter().filter(|state| !has(*state)).collect();
            if missing.is_empty() {
                let keys = Arc::new(snapshot(&records)?);
                *self.oauth.keys.write() = Some(keys);
                return Ok(());
            }
            let mut tx = Tx::new();
            for state in missing {
                let record = KeyRecord::new(state, ctx.now)?;
                tx.insert(&record);
                tx.event(ctx.event(EventKind::KeyRotated).on(record.kid.clone()).detail("purpose", "tokens"));
            }
            match self.store.commit(tx).await {
                // Another node was faster: its keys are as good.
                Ok(_) | Err(CommitError::Conflict { .. } | CommitError::Duplicate { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(IdentityError::Contention)
    }

    /// Lets the next key sign and publishes another one. Returns the id of the key that signs now.
    pub async fn rotate_signing_key(
        &self,
        rotation: Rotation,
        by: Actor,
        ctx: &Context,
    ) -> Result<String, IdentityError> {
        let records = self.key_records(ctx).await?;
        let mut tx = Tx::new();
        let mut promoted = None;
        let lifetime = LONGEST_ACCESS_TOKEN.max(self.config.id_token_lifetime) + MARGIN;
        // The slot is freed before it is taken: retired first.
        for Stored { mut document, version } in records {
            match (document.state, rotation) {
                (KeyState::Current, Rotation::Graceful) => {
                    document.state = KeyState::Retired;
                    document.until = Some(ctx.now.plus(lifetime));
                    tx.update(&document, version);
                }
                (KeyState::Next, Rotation::Graceful) => promoted = Some((document, version)),
                (_, Rotation::Compromised) => {
                    tx.delete::<KeyRecord>(document.kid.as_str(), Some(version));
                }
                (KeyState::Retired, Rotation::Graceful) => {}
            }
        }
        let kid = if let Some((mut document, version)) = promoted {
            document.state = KeyState::Current;
            document.activated = Some(ctx.now);
            tx.update(&document, version);
            document.kid
        } else {
            let record = KeyRecord::new(KeyState::Current, ctx.now)?;
            tx.insert(&record);
            record.kid
        };
        tx.insert(&KeyRecord::new(KeyState::Next, ctx.now)?);
        let rotation = match rotation {
            Rotation::Graceful => "graceful",
            Rotation::Compromised => "compromised",
        };
        let event = ctx.event(EventKind::KeyRotated).by(by).on(kid.clone());
        tx.event(event.detail("purpose", "tokens").detail("rotation", rotation));
        match self.store.commit(tx).await {
            Ok(_) => {}
            Err(CommitError::Conflict { .. } | CommitError::Duplicate { .. }) => return Err(IdentityError::Contention),
            Err(error) => return Err(error.into()),
        }
        self.load_keys(ctx).await?;
        Ok(kid)
    }

    /// Rotates the signing key if it is due, and drops keys whose tokens have expired. Call it every hour or so.
    /// Whether anything changed: then new authorities must be handed to the workers.
    pub async fn maintain_keys(&self, ctx: &Context) -> Result<bool, IdentityError> {
        let before = self.signing_keys();
        let age = |state: KeyState| {
            let of = |info: &KeyInfo| info.activated.unwrap_or(info.created);
            before.iter().find(|info| info.state == state).map(|info| ctx.now.since(of(info)))
        };
        let due = age(KeyState::Current).is_some_and(|age| age >= OLDEST);
        if due && age(KeyState::Next).is_some_and(|age| age >= AHEAD) {
            match self.rotate_signing_key(Rotation::Graceful, Actor::default(), ctx).await {
                Ok(_) | Err(IdentityError::Contention) => {}
                Err(error) => return Err(error),
            }
        }
        self.load_keys(ctx).await?;
        Ok(self.signing_keys() != before)
    }

    /// All keys, as administrators see them.
    pub fn signing_keys(&self) -> Vec<KeyInfo> {
        self.oauth.keys.read().as_ref().map(|keys| keys.infos.clone()).unwrap_or_default()
    }

    /// The published keys (RFC 7517).
    pub fn jwks(&self) -> Result<serde_json::Value, IdentityError> {
        Ok(self.keys()?.set.to_jwks_json())
    }

    /// What a worker needs to verify access tokens for the protected backend.
    pub fn authority(&self) -> Result<Authority, IdentityError> {
        self.authority_for(&self.config.audience)
    }

    /// What is needed to verify access tokens for another audience, such as the admin API's.
    pub fn authority_for(&self, audience: &str) -> Result<Authority, IdentityError> {
        Ok(Authority::new(Arc::clone(&self.keys()?.set), &self.config.issuer, audience))
    }

    pub(crate) fn keys(&self) -> Result<Arc<Keys>, IdentityError> {
        self.oauth.keys.read().clone().ok_or(IdentityError::NoKeys)
    }

    async fn key_records(&self, ctx: &Context) -> Result<Vec<Stored<KeyRecord>>, IdentityError> {
        let mut records = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.list::<KeyRecord>(after, 100, None, false).await?;
            records.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        records.retain(|record| record.document.until.is_none_or(|until| ctx.now < until));
        Ok(records)
    }
}

fn snapshot(records: &[Stored<KeyRecord>]) -> Result<Keys, IdentityError> {
    let mut public = Vec::with_capacity(records.len());
    let mut current = None;
    for record in records {
        let key = record.document.open()?;
        public.push(key.public());
        if record.document.state == KeyState::Current {
            current = Some(key);
        }
    }
    Ok(Keys {
        current: current.ok_or(IdentityError::NoKeys)?,
        set: Arc::new(KeySet::new(public).map_err(|_| IdentityError::Broken("signing key"))?),
        infos: records.iter().map(|record| record.document.info()).collect(),
    })
}
