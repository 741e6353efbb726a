//! What the fuzz target of passkeys checks; `tests/replay.rs` runs the same on stable.

use std::sync::LazyLock;

use serde_json::Value;
use testudo_identity::{Assertion, Attestation};
use webauthn_rs::prelude::{
    DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential, RegisterPublicKeyCredential, Url,
    Uuid, Webauthn, WebauthnBuilder,
};

/// The challenge that the seeds answer.
const CHALLENGE: &str = "dGVzdHVkbyB0ZXN0dWRvIHRlc3R1ZG8gdGVzdHVkbyE";
const MAKING: &str = include_str!("../../../../fuzz/seeds/passkey/attestation");
/// What was ever signed with a verified user: nothing else may be taken.
const SIGNED: [&str; 2] = [
    include_str!("../../../../fuzz/seeds/passkey/assertion"),
    include_str!("../../../../fuzz/seeds/passkey/assertion_counted"),
];

struct Fixed {
    verifier: Webauthn,
    registration: PasskeyRegistration,
    authentication: DiscoverableAuthentication,
    passkey: Passkey,
}

static FIXED: LazyLock<Fixed> = LazyLock::new(|| {
    let origin = Url::parse("https://id.example.org").expect("an origin");
    let verifier =
        WebauthnBuilder::new("id.example.org", &origin).and_then(WebauthnBuilder::build).expect("a verifier");
    let (_, state) =
        verifier.start_passkey_registration(Uuid::from_bytes([7; 16]), "ada", "Ada", None).expect("a challenge");
    let mut state = serde_json::to_value(state).expect("a state");
    state["rs"]["challenge"] = CHALLENGE.into();
    let registration: PasskeyRegistration = serde_json::from_value(state).expect("a state");
    let (_, state) = verifier.start_discoverable_authentication().expect("a challenge");
    let mut state = serde_json::to_value(state).expect("a state");
    state["ast"]["challenge"] = CHALLENGE.into();
    let authentication = serde_json::from_value(state).expect("a state");
    let seed: RegisterPublicKeyCredential = serde_json::from_str(MAKING).expect("the seed is one");
    let passkey = verifier.finish_passkey_registration(&seed, &registration).expect("the seed is good");
    Fixed { verifier, registration, authentication, passkey }
});

/// Answers of passkeys: nothing that comes from outside makes the verifier panic, and what it takes says the very bytes
/// that were signed.
pub fn passkey(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let fixed = &*FIXED;
    if Attestation::parse(text).is_ok() {
        assert!(text.len() <= 16 * 1024);
        let answer: RegisterPublicKeyCredential = serde_json::from_str(text).expect("ours is the stricter reader");
        if fixed.verifier.finish_passkey_registration(&answer, &fixed.registration).is_ok() {
            let said: Value = serde_json::from_slice(&answer.response.client_data_json).expect("client data");
            assert_eq!(said["type"], "webauthn.create");
            assert_eq!(said["challenge"], CHALLENGE);
        }
    }
    if Assertion::parse(text).is_ok() {
        assert!(text.len() <= 16 * 1024);
        let answer: PublicKeyCredential = serde_json::from_str(text).expect("ours is the stricter reader");
        let state = fixed.authentication.clone();
        if let Ok(result) = fixed.verifier.finish_discoverable_authentication_v2(&answer, state, &fixed.passkey) {
            assert!(result.user_verified());
            let same = |seed: &&str| {
                let seed: PublicKeyCredential = serde_json::from_str(seed).expect("the seed is one");
                answer.raw_id == seed.raw_id
                    && answer.response.client_data_json == seed.response.client_data_json
                    && answer.response.authenticator_data == seed.response.authenticator_data
            };
            assert!(SIGNED.iter().any(same), "taken, and never signed: {text}");
        }
    }
}
