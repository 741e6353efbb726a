//! Attacks with what was stolen from a phone: a refresh token, an access token.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::super::DrillError;
use super::super::house::{APP, PASSWORD};
use super::super::player::{Player, Tokens};
use super::super::script::Script;
use super::Scenario;

pub const REFRESH_REUSE: Scenario = Scenario {
    name: "refresh-reuse",
    title: "a refresh token is copied from a phone and used first; then the phone uses it",
    rules: &["testudo-refresh-reused"],
    spare: 0.0,
    people: 0,
    attack: Duration::from_secs(30),
    config: "",
    own_only: false,
    play: |script| Box::pin(refresh_reuse(script)),
};

pub const TOKEN_REPLAY: Scenario = Scenario {
    name: "token-replay",
    title: "an access token is copied from a phone and used from one network after another",
    rules: &["testudo-token-replay"],
    spare: 0.0,
    people: 0,
    attack: Duration::from_secs(20),
    config: "",
    own_only: false,
    play: |script| Box::pin(token_replay(script)),
};

/// For so long, a replaced refresh token that comes again may be a lost answer.
const GRACE: Duration = Duration::from_millis(10_500);

/// An address in a network of its own (RFC 3849).
pub fn far(number: usize) -> IpAddr {
    let number = u16::try_from(number % 60_000).unwrap_or(0);
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, number, 1, 0, 0, 0, 1))
}

/// Somebody whose tokens will be stolen.
pub async fn victim(script: &Script<'_>) -> Result<(String, Player, Tokens), DrillError> {
    let name = script.account("victim").await?;
    let mut phone = Player::new(script.stage(), IpAddr::from([198, 18, 50, 7]), "Wallet/5.2 (iOS 19)", &name, PASSWORD);
    let tokens = phone.tokens(script.app()).await?;
    let tokens =
        tokens.map_err(|refused| DrillError::Server(format!("the victim can't sign in: {}", refused.code())))?;
    Ok((name, phone, tokens))
}

async fn refresh_reuse(script: &Script<'_>) -> Result<(), DrillError> {
    let (name, mut phone, tokens) = victim(script).await?;
    let mut thief = script.attacker(IpAddr::from([198, 51, 100, 9]), &name, "");
    let stolen = thief.refresh(APP, &tokens.refresh).await?;
    let stolen = stolen.map_err(|refused| DrillError::Server(format!("the thief is too late: {}", refused.code())))?;
    script.stole(&name, &stolen);
    let attack = script.until_contained(async |_| {
        let reply = thief.call(&script.house.path, &stolen.access).await?;
        script.attacked("thief", "read", reply.status.is_success(), &reply);
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(())
    });
    let back = async {
        tokio::time::sleep(GRACE).await;
        // Her phone comes with the one that the thief has used.
        phone.refresh(APP, &tokens.refresh).await.map(drop)
    };
    tokio::try_join!(attack, back).map(drop)
}

async fn token_replay(script: &Script<'_>) -> Result<(), DrillError> {
    let (name, _phone, tokens) = victim(script).await?;
    script.stole(&name, &tokens);
    script
        .until_contained(async |round: usize| {
            let mut thief = script.attacker(far(round), &name, "");
            let reply = thief.call(&script.house.path, &tokens.access).await?;
            script.attacked("thief", "read", reply.status.is_success(), &reply);
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok(())
        })
        .await
}
