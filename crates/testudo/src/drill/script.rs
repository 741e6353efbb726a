//! A play in progress: who did what, honest or not, and what the server answered.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use testudo_core::{PersonId, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client::{Reply, Stage, now};
use super::house::{APP, House, PASSWORD};
use super::player::{App, Player, Tokens};
use super::{DrillError, Report, Scenario};

/// How long the attack goes on once something has been done against it: long enough to see whether that holds.
const AFTERWARDS: Duration = Duration::from_secs(4);
/// Before it begins, honest people have been about for so long that the server knows where they come from.
const BEFORE: Duration = Duration::from_millis(2500);
/// How often the journal is asked whether something was done.
const LOOK: Duration = Duration::from_millis(50);
/// Honest people at home, and in the network that the attack comes from.
const AT_HOME: u8 = 4;
const IN_THE_CARRIER: u8 = 3;
/// A phone asks for something this often, give or take.
const BREATH: Duration = Duration::from_millis(700);
/// Somebody signs in anew this often.
const ARRIVALS: Duration = Duration::from_millis(900);
/// The most acts that are kept.
const MOST_ACTS: usize = 200_000;

/// Whose act it was.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// Of the attack.
    Attack,
    /// Of honest people.
    Honest,
}

/// One act with its label.
#[derive(Clone, Debug)]
pub struct Act {
    /// When it was answered.
    pub at: Timestamp,
    /// Whose.
    pub side: Side,
    /// Who, such as `carrier-2`.
    pub who: Box<str>,
    /// What, such as `sign-in`.
    pub what: &'static str,
    /// Whether it got what it wanted: an attack, that the server did what was asked.
    pub passed: bool,
    /// The status or the code of the refusal.
    pub code: Box<str>,
}

/// All acts of a play.
#[derive(Default)]
pub struct Record(Mutex<Vec<Act>>);

impl Record {
    /// Enters an act.
    pub fn enter(&self, side: Side, who: &str, what: &'static str, passed: bool, reply: &Reply) {
        let code = if passed { reply.status.as_u16().to_string() } else { reply.code() };
        let mut acts = self.0.lock();
        if acts.len() < MOST_ACTS {
            acts.push(Act { at: reply.at, side, who: who.into(), what, passed, code: code.into() });
        }
    }
}

/// The play.
pub struct Script<'h> {
    /// The server.
    pub house: &'h House,
    /// Where the attack comes from; some honest people come from there too.
    pub carrier: [u8; 3],
    scenario: &'static Scenario,
    record: Arc<Record>,
    from: u64,
    began: Timestamp,
    /// What the attack got hold of: who, and the access token.
    stolen: Mutex<Vec<(String, String)>>,
    honest: Mutex<JoinSet<Result<(), DrillError>>>,
    /// The accounts of honest people.
    people: Mutex<Vec<(String, PersonId)>>,
    stop: watch::Sender<bool>,
}

impl<'h> Script<'h> {
    /// Honest people go about their business; the attack may begin.
    pub async fn begin(scenario: &'static Scenario, house: &'h House) -> Result<Script<'h>, DrillError> {
        let (stop, _) = watch::channel(false);
        let script = Script {
            house,
            carrier: [203, 0, 113],
            scenario,
            record: Arc::default(),
            from: house.head().await?,
            began: now(),
            stolen: Mutex::default(),
            honest: Mutex::default(),
            people: Mutex::default(),
            stop,
        };
        script.invite().await?;
        tokio::time::sleep(BEFORE).await;
        Ok(Script { from: house.head().await?, began: now(), ..script })
    }

    /// How players reach the server.
    pub fn stage(&self) -> &Stage {
        &self.house.stage
    }

    /// An address of the network that the attack comes from.
    pub fn carrier(&self, last: u8) -> IpAddr {
        let [a, b, c] = self.carrier;
        IpAddr::V4(Ipv4Addr::new(a, b, c, last))
    }

    /// An attacker at an address.
    pub fn attacker(&self, from: IpAddr, name: &str, password: &str) -> Player {
        Player::new(self.stage(), from, "okhttp/4.9.0", name, password)
    }

    /// Makes an account, and gives its user name.
    pub async fn account(&self, label: &str) -> Result<String, DrillError> {
        let name = name_of(self.scenario, label);
        self.house.account(&name, &[]).await?;
        Ok(name)
    }

    async fn honest_account(&self, who: &str) -> Result<String, DrillError> {
        let name = name_of(self.scenario, who);
        let id = self.house.account(&name, &[]).await?;
        self.people.lock().push((who.to_owned(), id));
        Ok(name)
    }

    /// The app of the players.
    pub fn app(&self) -> App<'_> {
        App { client: APP, scope: &self.house.scope, more: &[] }
    }

    /// Enters an act of the attack.
    pub fn attacked(&self, who: &str, what: &'static str, passed: bool, reply: &Reply) {
        self.record.enter(Side::Attack, who, what, passed, reply);
    }

    /// Says what the attack got hold of; at the end it must be worth nothing.
    pub fn stole(&self, who: &str, tokens: &Tokens) {
        self.stolen.lock().push((who.to_owned(), tokens.access.clone()));
    }

    /// An attacker's tool takes a breath between two tries.
    pub async fn breath(&self) {
        tokio::time::sleep(Duration::from_millis(30)).await;
    }

    /// Goes on with an attack until something was done against it and it has been seen whether that holds, or until
    /// the time is over. `step` gets the number of the round.
    pub async fn until_contained(
        &self,
        mut step: impl AsyncFnMut(usize) -> Result<(), DrillError>,
    ) -> Result<(), DrillError> {
        let contained = async {
            while self.house.entries("response.performed", self.from).await?.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
            tokio::time::sleep(AFTERWARDS).await;
            Ok::<(), DrillError>(())
        };
        let attack = async {
            for round in 0.. {
                step(round).await?;
                tokio::task::yield_now().await;
            }
            Ok::<(), DrillError>(())
        };
        tokio::select! {
            done = contained => done,
            failed = attack => failed,
            () = tokio::time::sleep(self.scenario.attack) => Ok(()),
        }
    }

    /// Ends the play, and tells what came of it.
    pub async fn end(self, house: &House) -> Result<Report, DrillError> {
        // What was stolen is tried once more.
        let stolen = std::mem::take(&mut *self.stolen.lock());
        let mut worth = Vec::new();
        for (who, access) in stolen {
            let mut thief = self.attacker(self.carrier(66), &who, "");
            let reply = thief.call(&house.path, &access).await?;
            worth.push((who, reply.status.is_success()));
        }
        let _ = self.stop.send(true);
        let mut honest = std::mem::take(&mut *self.honest.lock());
        while let Some(done) = honest.join_next().await {
            done.map_err(|error| DrillError::Server(error.to_string()))??;
        }
        // What was done to honest people, whether they have felt it yet or not.
        let mut acted_on = Vec::new();
        let people = std::mem::take(&mut *self.people.lock());
        for (who, id) in people {
            let kinds = "person.revoked,session.revoked,family.revoked,person.locked,step-up.required";
            for entry in house.entries(&format!("{kinds}&person={id}"), self.from).await? {
                let kind = entry.pointer("/event/kind").and_then(serde_json::Value::as_str).unwrap_or_default();
                acted_on.push((who.clone(), kind.to_owned()));
            }
        }
        let kinds = "alert.raised,incident.opened,response.performed,response.failed,response.proposed";
        let told = house.entries(kinds, self.from).await?;
        let acts = std::mem::take(&mut *self.record.0.lock());
        Ok(Report::of(self.scenario, self.began, &acts, worth, &acted_on, &told))
    }

    /// Invites the honest: some stay at home, each in a network of their own, and some go out, into the network that the
    /// attack comes from. All have signed in at home before it begins, and others sign in while it lasts.
    async fn invite(&self) -> Result<(), DrillError> {
        let at_home = (0..AT_HOME).map(|number| (format!("home-{number}"), None));
        let gone_out =
            (0..IN_THE_CARRIER).map(|number| (format!("carrier-{number}"), Some(self.carrier(200 + number))));
        for (number, (who, to)) in (0..).zip(at_home.chain(gone_out)) {
            let name = self.honest_account(&who).await?;
            let mut player = Player::new(self.stage(), home(number), "Wallet/5.2 (Android 15)", &name, PASSWORD);
            let tokens = player.tokens(self.app()).await?.map_err(|refused| {
                DrillError::Server(format!("`{who}` could not sign in before the attack: {}", refused.code()))
            })?;
            if let Some(to) = to {
                player.moves_to(to);
            }
            let life = Life::of(self, player, who, tokens);
            self.honest.lock().spawn(life.live());
        }
        let arrivals = Arrivals::of(self).await?;
        self.honest.lock().spawn(arrivals.come());
        Ok(())
    }
}

/// An address of somebody at home: a network for each.
fn home(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(198, 18, number, 7))
}

fn name_of(scenario: &Scenario, label: &str) -> String {
    format!("{label}@{}.drill.example", scenario.name)
}

/// Somebody honest who uses the app.
struct Life {
    player: Player,
    who: String,
    tokens: Tokens,
    path: String,
    record: Arc<Record>,
    stop: watch::Receiver<bool>,
}

impl Life {
    fn of(script: &Script<'_>, player: Player, who: String, tokens: Tokens) -> Life {
        let (record, stop) = (Arc::clone(&script.record), script.stop.subscribe());
        Life { player, who, tokens, path: script.house.path.clone(), record, stop }
    }

    async fn live(mut self) -> Result<(), DrillError> {
        for round in 1_u32.. {
            let pause = BREATH.mul_f64(0.5 + f64::from((round * 37) % 100) / 100.0);
            tokio::select! {
                _ = self.stop.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(pause) => {}
            }
            if round % 6 == 0 {
                match self.player.refresh(APP, &self.tokens.refresh).await? {
                    Ok(tokens) => self.tokens = tokens,
                    Err(refused) => self.record.enter(Side::Honest, &self.who, "refresh", false, &refused),
                }
            }
            let reply = self.player.call(&self.path, &self.tokens.access).await?;
            self.record.enter(Side::Honest, &self.who, "call", reply.status.is_success(), &reply);
        }
        Ok(())
    }
}

/// Honest people who sign in while the attack lasts: in turn at home and in the network that it comes from.
struct Arrivals {
    players: Vec<(String, Player)>,
    record: Arc<Record>,
    stop: watch::Receiver<bool>,
}

impl Arrivals {
    async fn of(script: &Script<'_>) -> Result<Arrivals, DrillError> {
        let mut players = Vec::new();
        for number in 0..4 {
            let (place, from) =
                if number % 2 == 0 { ("home", home(100 + number)) } else { ("carrier", script.carrier(210 + number)) };
            let who = format!("{place}-arrival-{number}");
            let name = script.honest_account(&who).await?;
            players.push((who, Player::new(script.stage(), from, "Wallet/5.2 (iOS 19)", &name, PASSWORD)));
        }
        Ok(Arrivals { players, record: Arc::clone(&script.record), stop: script.stop.subscribe() })
    }

    async fn come(mut self) -> Result<(), DrillError> {
        loop {
            for (who, player) in &mut self.players {
                tokio::select! {
                    _ = self.stop.wait_for(|stop| *stop) => return Ok(()),
                    () = tokio::time::sleep(ARRIVALS) => {}
                }
                player.forgets();
                let reply = player.sign_in().await?;
                let passed = reply.status.is_redirection() || reply.status == StatusCode::SEE_OTHER;
                self.record.enter(Side::Honest, who, "sign-in", passed, &reply);
            }
        }
    }
}
