//! Attacks on the API: reading it empty, storming its limits, counting up what there is.

#![expect(clippy::large_futures, reason = "made once, in a command")]

use std::net::IpAddr;
use std::time::Duration;

use super::super::DrillError;
use super::super::player::{Player, Tokens};
use super::super::script::Script;
use super::Scenario;
use super::tokens::victim;

pub const SCRAPING: Scenario = Scenario {
    name: "scraping",
    title: "one account reads as much as its limits allow",
    rules: &["testudo-scraping"],
    spare: 0.0,
    people: 0,
    attack: Duration::from_secs(45),
    // What a person may do is not what is tried here.
    config: "[limits]\nperson = \"200/s burst 400\"\nperson-route = \"200/s burst 400\"\n",
    own_only: true,
    play: |script| Box::pin(scraping(script)),
};

pub const LIMIT_STORM: Scenario = Scenario {
    name: "limit-storm",
    title: "one address sends more than it may, without a token",
    rules: &["testudo-limit-storm"],
    spare: 0.0,
    people: 0,
    attack: Duration::from_secs(30),
    config: "",
    own_only: false,
    play: |script| Box::pin(limit_storm(script)),
};

pub const ENUMERATION: Scenario = Scenario {
    name: "enumeration",
    title: "one account asks for the accounts of others, number after number",
    rules: &["testudo-object-enumeration", "testudo-object-enumeration-address"],
    spare: 0.0,
    people: 0,
    attack: Duration::from_secs(30),
    config: "",
    own_only: true,
    play: |script| Box::pin(enumeration(script)),
};

async fn scraping(script: &Script<'_>) -> Result<(), DrillError> {
    let (_, _, tokens) = victim(script).await?;
    read(script, "scraper", &tokens, |_| script.house.path.clone()).await
}

async fn enumeration(script: &Script<'_>) -> Result<(), DrillError> {
    let (_, _, tokens) = victim(script).await?;
    read(script, "enumerator", &tokens, |round| format!("/accounts/acc-{:012x}", 0x00c0_ffee_0000_u64 + round as u64))
        .await
}

/// Reads with a token from one address, as fast as it goes, several at the same time.
async fn read(
    script: &Script<'_>,
    who: &str,
    tokens: &Tokens,
    path: impl Fn(usize) -> String,
) -> Result<(), DrillError> {
    let mut hands = hands(script);
    let one = async |hand: &mut Player, round: usize| {
        let reply = hand.call(&path(round), &tokens.access).await?;
        // That there is nothing is an answer too, if it came from the backend.
        let passed = reply.status.is_success() || (reply.status.as_u16() == 404 && reply.code() != "no-such-route");
        script.attacked(who, "read", passed, &reply);
        Ok::<(), DrillError>(())
    };
    script
        .until_contained(async |round: usize| {
            let [a, b, c, d] = &mut hands;
            let first = round * 4;
            tokio::try_join!(one(a, first), one(b, first + 1), one(c, first + 2), one(d, first + 3))?;
            script.breath().await;
            Ok(())
        })
        .await
}

async fn limit_storm(script: &Script<'_>) -> Result<(), DrillError> {
    let mut hands = hands(script);
    let one = async |hand: &mut Player| {
        let reply = hand.call(&script.house.path, "no-token").await?;
        // Refused for its token: it was looked at. That is what a storm wants.
        script.attacked("stormer", "request", reply.status.as_u16() == 401, &reply);
        Ok::<(), DrillError>(())
    };
    script
        .until_contained(async |_| {
            let [a, b, c, d] = &mut hands;
            tokio::try_join!(one(a), one(b), one(c), one(d)).map(drop)
        })
        .await
}

/// Hands that work at the same time, from one address.
fn hands(script: &Script<'_>) -> [Player; 4] {
    [(); 4].map(|()| script.attacker(IpAddr::from([198, 51, 100, 9]), "", ""))
}
