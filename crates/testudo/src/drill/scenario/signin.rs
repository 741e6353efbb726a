//! Attacks on the door: stuffing, spraying, guessing, fatigue of second factors.

use std::time::Duration;

use http::{StatusCode, header};

use super::super::DrillError;
use super::super::client::Reply;
use super::super::house::PASSWORD;
use super::super::script::Script;
use super::Scenario;

pub const STUFFING: Scenario = Scenario {
    name: "stuffing",
    title: "names and passwords of a leak are tried from one network; two of them fit, and are used at once",
    rules: &[
        "testudo-credential-stuffing",
        "testudo-credential-stuffing-many-people",
        "testudo-name-guessing",
        "testudo-stuffed-account",
    ],
    spare: 10.0,
    people: 2,
    attack: Duration::from_secs(20),
    config: "",
    own_only: false,
    play: |script| Box::pin(stuffing(script)),
};

pub const SPRAYING: Scenario = Scenario {
    name: "spraying",
    title: "a few common passwords are tried with the names of many who have accounts, from one network",
    rules: &["testudo-password-spraying", "testudo-credential-stuffing-many-people", "testudo-credential-stuffing"],
    spare: 10.0,
    people: 2,
    attack: Duration::from_secs(20),
    config: "",
    own_only: false,
    play: |script| Box::pin(spraying(script)),
};

pub const GUESSING: Scenario = Scenario {
    name: "guessing",
    title: "many passwords are tried with one name",
    rules: &["testudo-password-guessing", "testudo-password-guessing-spread"],
    spare: 2.0,
    people: 0,
    attack: Duration::from_secs(20),
    config: "",
    own_only: false,
    play: |script| Box::pin(guessing(script)),
};

pub const MFA_FATIGUE: Scenario = Scenario {
    name: "mfa-fatigue",
    title: "somebody who knows the password tries codes of the second factor",
    // After five wrong codes the account closes for a while, and the next tries are those of a wrong password.
    rules: &["testudo-mfa-fatigue", "testudo-password-guessing"],
    spare: 2.0,
    people: 0,
    attack: Duration::from_secs(20),
    config: "",
    own_only: false,
    play: |script| Box::pin(mfa_fatigue(script)),
};

/// Whether the door looked at a password or code: it then shows the page again, or lets in.
fn looked_at(reply: &Reply) -> bool {
    reply.status == StatusCode::OK || reply.status.is_redirection() || reply.status == StatusCode::UNAUTHORIZED
}

async fn stuffing(script: &Script<'_>) -> Result<(), DrillError> {
    // Two people use one password everywhere, and it has leaked.
    let victims = [script.account("victim-1").await?, script.account("victim-2").await?];
    script
        .until_contained(async |round: usize| {
            let from = script.carrier(u8::try_from(1 + round % 60).unwrap_or(1));
            let right = match round {
                9 => victims.first(),
                15 => victims.last(),
                _ => None,
            };
            let leaked = format!("leaked-{round}@elsewhere.example");
            let password = if right.is_some() { PASSWORD } else { "a password of elsewhere" };
            let mut attacker = script.attacker(from, right.unwrap_or(&leaked), password);
            let reply = attacker.sign_in().await?;
            script.attacked("stuffer", "sign-in", looked_at(&reply), &reply);
            script.breath().await;
            if right.is_some()
                && reply.status.is_redirection()
                && let Ok(tokens) = attacker.tokens(script.app()).await?
            {
                script.stole(right.map_or("", String::as_str), &tokens);
                let reply = attacker.call(&script.house.path, &tokens.access).await?;
                script.attacked("stuffer", "use", reply.status.is_success(), &reply);
            }
            Ok(())
        })
        .await
}

async fn spraying(script: &Script<'_>) -> Result<(), DrillError> {
    let mut names = Vec::new();
    for number in 0..24 {
        names.push(script.account(&format!("sprayed-{number}")).await?);
    }
    script
        .until_contained(async |round: usize| {
            let from = script.carrier(u8::try_from(1 + round % 60).unwrap_or(1));
            let common = ["Winter2026!", "password123", "Qwertz!234"];
            let name = names.get(round % names.len()).map_or("", String::as_str);
            let password = common.get(round / names.len() % common.len()).copied().unwrap_or_default();
            let reply = script.attacker(from, name, password).sign_in().await?;
            script.attacked("sprayer", "sign-in", looked_at(&reply), &reply);
            script.breath().await;
            Ok(())
        })
        .await
}

async fn guessing(script: &Script<'_>) -> Result<(), DrillError> {
    let victim = script.account("victim").await?;
    script
        .until_contained(async |round: usize| {
            // From another network than where honest people are: their wait is not this one's.
            let from = std::net::IpAddr::from([198, 51, 100, u8::try_from(1 + round % 3).unwrap_or(1)]);
            let reply = script.attacker(from, &victim, &format!("guess number {round}")).sign_in().await?;
            script.attacked("guesser", "sign-in", looked_at(&reply), &reply);
            tokio::time::sleep(Duration::from_millis(40)).await;
            Ok(())
        })
        .await
}

async fn mfa_fatigue(script: &Script<'_>) -> Result<(), DrillError> {
    let victim = script.account("victim").await?;
    // She has a second factor.
    let mut phone = script.attacker(std::net::IpAddr::from([198, 18, 50, 7]), &victim, PASSWORD);
    phone.sign_in().await?;
    phone.enrol(None).await?;
    let from = std::net::IpAddr::from([198, 51, 100, 9]);
    let mut attacker = script.attacker(from, &victim, PASSWORD);
    let mut waiting = false;
    script
        .until_contained(async |round: usize| {
            if !waiting {
                attacker.forgets();
                let reply = attacker.sign_in().await?;
                waiting = reply.header(header::LOCATION).is_some_and(|to| to.contains("/sign-in/factor"));
                if !waiting {
                    script.attacked("fatiguer", "sign-in", looked_at(&reply), &reply);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    return Ok(());
                }
            }
            let reply = attacker.second_factor(&format!("{:06}", (round * 7919) % 1_000_000)).await?;
            // The page again: it was looked at. Anything else: back to the start.
            waiting = reply.status == StatusCode::OK;
            script.attacked("fatiguer", "code", looked_at(&reply), &reply);
            tokio::time::sleep(Duration::from_millis(60)).await;
            Ok(())
        })
        .await
}
