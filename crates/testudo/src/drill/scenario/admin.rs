//! Misuse by who may: an administrator who looks at people one after another.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::super::DrillError;
use super::super::house::PASSWORD;
use super::super::player::{App, SECOND};
use super::super::script::Script;
use super::Scenario;

pub const ADMIN_MISUSE: Scenario = Scenario {
    name: "admin-misuse",
    title: "an administrator reveals the data of one person after another",
    rules: &["testudo-mass-reveal"],
    spare: 0.0,
    people: 0,
    attack: Duration::from_secs(30),
    config: "",
    own_only: true,
    play: |script| Box::pin(admin_misuse(script)),
};

async fn admin_misuse(script: &Script<'_>) -> Result<(), DrillError> {
    let name = "curious@admin.drill.example";
    script.house.account(name, &["owner"]).await?;
    let people = script.house.ask(http::Method::GET, "/people?limit=200", None).await?;
    let people: Vec<String> = people
        .get("items")
        .and_then(serde_json::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|person| person.get("id").and_then(serde_json::Value::as_str).map(str::to_owned))
        .collect();
    // The admin address believes no proxy: she comes from this machine there, and so she does here.
    let mut admin = script.attacker(IpAddr::V4(Ipv4Addr::LOCALHOST), name, PASSWORD);
    let audience = format!("{}/admin", script.stage().origin);
    let more = [("resource", audience.as_str()), ("acr_values", SECOND)];
    let tokens = admin.tokens(App { client: "testudo-admin", scope: "openid admin", more: &more }).await?;
    let tokens = tokens.map_err(|refused| {
        DrillError::Server(format!("the administrator can't sign in: {} {}", refused.status, refused.code()))
    })?;
    script
        .until_contained(async |round: usize| {
            let person = people.get(round % people.len().max(1)).map_or("", String::as_str);
            let path = format!("/admin/v1/people/{person}?reveal=true");
            let reply = admin.call_admin(&path, &tokens.access).await?;
            script.attacked("administrator", "reveal", reply.status.is_success(), &reply);
            tokio::time::sleep(Duration::from_millis(150)).await;
            Ok(())
        })
        .await
}
