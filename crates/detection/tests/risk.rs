//! Stories of people and attackers, as tables: what the score says of each, and what is learnt from it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::time::Duration;

use testudo_core::{Alert, PersonId, Pseudonym, Severity, Timestamp};
use testudo_detection::risk::{Act, Assessment, Key, Level, Model, Place, Profiles, Settings, Signal, View};

/// Noon of a Monday.
const START: i64 = 1_772_452_800;
const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(START + seconds)
}

fn name(number: u8) -> Pseudonym {
    Pseudonym([number; 16])
}

fn id(number: u8) -> PersonId {
    PersonId::from_bytes([number; 16])
}

/// People whose profiles are made as the server makes them.
struct House {
    profiles: Profiles,
    seq: u64,
}

impl House {
    fn new() -> House {
        House { profiles: Profiles::new(Settings::default()), seq: 0 }
    }

    fn act(&mut self, who: u8, act: Act, second: i64) -> Vec<Signal> {
        self.seq += 1;
        self.profiles.observe(name(who), id(who), &act, at(second), self.seq).noted
    }

    /// A month in which somebody uses the app at home at noon and in the evening, and on weekdays at work.
    fn month(&mut self, who: u8, factor: bool) -> i64 {
        let (home, work) = (home(who), Place::named("work.1", "phone", "app"));
        let signed_in = Act::SignedIn { place: home, session: Key(u64::from(who)), second_factor: factor };
        self.act(who, signed_in, 0);
        for day in 0..30 {
            for hour in [0, 7, 8] {
                self.act(who, Act::Used(home), day * DAY + hour * HOUR + 60);
            }
            if day % 7 < 5 {
                for hour in [-3, -2, 2, 4] {
                    self.act(who, Act::Used(work), day * DAY + hour * HOUR + DAY);
                }
            }
        }
        30 * DAY
    }

    fn ask(&self, who: u8, place: &Place, second: i64) -> Assessment {
        self.profiles.assess(name(who), place, at(second))
    }

    fn alert(&mut self, level: Severity, field: &str, value: Pseudonym, since: i64, second: i64) {
        self.alert_of(&[], level, field, value, since, second);
    }

    fn alert_of(&mut self, tags: &[&str], level: Severity, field: &str, value: Pseudonym, since: i64, second: i64) {
        let alert = Alert {
            rule: "testudo-credential-stuffing".into(),
            title: "Credential stuffing from one network".into(),
            author: String::new(),
            level,
            at: at(second),
            since: at(since),
            group: BTreeMap::from([(field.into(), value.to_string())]),
            places: vec![1],
            count: 20,
            suppressed: 0,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            false_positives: Vec::new(),
        };
        self.profiles.alert(&alert);
    }
}

fn home(who: u8) -> Place {
    Place::named(&format!("provider{who}.1"), "phone", "app")
}

/// A place whose network an alert can name.
fn network(number: u8) -> (Pseudonym, Place) {
    let network = name(number);
    (network, Place { network: Key::of(network), carrier: Key(u64::from(number)), ..Place::named("x", "bot", "app") })
}

fn codes(assessment: &Assessment) -> Vec<&str> {
    assessment.reasons.iter().map(|reason| &*reason.code).collect()
}

#[test]
fn stories() {
    let mut house = House::new();
    let now = house.month(1, true);
    let night = now + 14 * HOUR;
    let here = home(1);
    let with = |network: &str, device: &str, client: &str| Place::named(network, device, client);
    // Who, from where, when; the level, and the score from and to.
    let table = [
        ("as always", here, now, Level::Low, 0..=2),
        ("at work", with("work.1", "phone", "app"), now + 2 * HOUR, Level::Low, 0..=2),
        ("a new phone at home", with("provider1.1", "new phone", "app"), now, Level::Low, 2..=15),
        ("at home at night", here, night, Level::Low, 0..=5),
        ("on holiday", with("hotel.9", "phone", "app"), now, Level::Low, 5..=29),
        ("on holiday at night", with("hotel.9", "phone", "app"), night, Level::Medium, 15..=45),
        ("another part of the provider", with("provider1.2", "phone", "app"), now, Level::Low, 0..=8),
        ("a token is used elsewhere", with("elsewhere.1", "curl", "app"), now, Level::High, 60..=84),
        ("a stolen password at night", with("elsewhere.1", "laptop", "app"), night, Level::High, 70..=84),
        ("all is new", with("elsewhere.1", "laptop", "other"), night, Level::High, 70..=84),
    ];
    for (story, place, second, level, score) in table {
        let found = house.ask(1, &place, second);
        assert!(score.contains(&found.score), "{story}: {} {found:?}", found.score);
        // What is written above is the level; a score at its border may be one less.
        assert!(found.level == level || level == Level::Medium && found.level == Level::Low, "{story}: {found:?}");
    }
    let stolen = house.ask(1, &with("elsewhere.1", "laptop", "app"), night);
    assert_eq!(codes(&stolen)[..2], ["new-network", "new-device"]);
    assert!(codes(&stolen).contains(&"unusual-hour"));
    assert!(!stolen.device_known && !stolen.network_known && stolen.has_factor && !stolen.proven);
    assert!(stolen.reasons.windows(2).all(|pair| pair[0].weight >= pair[1].weight));
}

#[test]
fn nobody_is_risky_for_being_new() {
    let mut house = House::new();
    let place = Place::named("anywhere.1", "phone", "app");
    assert_eq!(house.ask(9, &place, 0).level, Level::Low);
    house.act(9, Act::SignedIn { place, session: Key(1), second_factor: false }, 0);
    // On the first day all that she shows is taken for hers.
    for (minute, other) in ["cafe.1", "office.1", "carrier.1"].into_iter().enumerate() {
        let place = Place::named(other, "phone", "app");
        let found = house.ask(9, &place, 60 * i64::try_from(minute).unwrap());
        assert_eq!((found.level, found.new.len()), (Level::Low, 0), "{other}: {found:?}");
        house.act(9, Act::Used(place), 60 * i64::try_from(minute).unwrap());
    }
    // Nobody at all: a client that acts for itself has no profile either.
    assert_eq!(house.ask(77, &place, 0).score, 2);
}

#[test]
fn a_network_that_many_share_tells_little() {
    let mut house = House::new();
    let now = house.month(1, false);
    let carrier = Place::named("mobile.1", "phone", "app");
    let before = house.ask(1, &carrier, now);
    for who in 100..200 {
        house.act(who, Act::SignedIn { place: carrier, session: Key(9), second_factor: false }, now - HOUR);
    }
    let after = house.ask(1, &carrier, now);
    assert!(after.score * 2 < before.score, "{} then {}", before.score, after.score);
    // The attacker who opened many accounts from one network is no crowd, once he is seen.
    let (network, place) = network(200);
    for who in 100..200 {
        house.act(who, Act::SignedIn { place, session: Key(9), second_factor: false }, now - HOUR);
    }
    house.alert(Severity::High, "network", network, now - 2 * HOUR, now);
    assert_eq!(house.ask(1, &place, now).level, Level::Critical);
}

#[test]
fn what_people_with_rights_do_makes_no_way_unusual() {
    let mut house = House::new();
    let now = house.month(1, true);
    let (office, place) = network(200);
    let quiet = house.ask(1, &place, now).score;
    let granted = ["attack.persistence", "attack.t1098"];
    house.alert_of(&granted, Severity::High, "network", office, now - 60, now);
    house.alert_of(&granted, Severity::High, "person", name(1), now - 60, now);
    assert_eq!(house.ask(1, &place, now).score, quiet);
    // Manipulation together with a way in is an attack.
    let taken = ["attack.t1098", "attack.t1556.006"];
    house.alert_of(&taken, Severity::High, "network", office, now - 60, now);
    assert!(house.ask(1, &place, now).score > quiet);
}

#[test]
fn an_alert_about_a_network_raises_what_comes_from_there() {
    let mut house = House::new();
    let now = house.month(1, true);
    let (bad, place) = network(200);
    let usual = Place { device: home(1).device, ..place };
    let quiet = house.ask(1, &usual, now).score;
    house.alert(Severity::High, "network", bad, now - 60, now);
    let loud = house.ask(1, &usual, now);
    assert!(loud.score >= quiet + 30, "{quiet} then {}", loud.score);
    assert_eq!(codes(&loud)[0], "network-alert");
    assert_eq!(house.ask(1, &place, now).level, Level::Critical);
    // For somebody who is new as well, and for who always comes from there much less.
    assert!(house.ask(99, &place, now).score > 10);
    let neighbour = Place { network: Key::of(bad), ..home(1) };
    for day in 0..30 {
        house.act(2, Act::Used(neighbour), day * DAY);
    }
    assert_eq!(house.ask(2, &neighbour, now).level, Level::Low);
    // Hours later it is over by itself: nobody stays locked out.
    assert!(house.ask(1, &place, now + 6 * HOUR).level < Level::Critical);
    assert!(house.ask(1, &usual, now + DAY).score <= quiet + 2);
}

#[test]
fn only_an_attack_is_critical() {
    let mut house = House::new();
    let now = house.month(1, false);
    let place = Place::named("elsewhere.1", "laptop", "other");
    for _ in 0..20 {
        house.act(1, Act::Failed, now + 14 * HOUR);
    }
    let typed = house.ask(1, &place, now + 14 * HOUR);
    assert_eq!((typed.score, typed.level), (84, Level::High), "{typed:?}");
    assert!(codes(&typed).contains(&"failures-before"));
    assert!(!codes(&house.ask(1, &place, now + 20 * HOUR)).contains(&"failures-before"), "failures are forgotten");
    house.act(1, Act::Reused, now + 14 * HOUR);
    assert_eq!(house.ask(1, &place, now + 14 * HOUR).level, Level::Critical);
    assert!(house.ask(1, &home(1), now + 14 * HOUR).level < Level::High, "who comes as always is not shut out");
}

#[test]
fn a_second_factor_makes_a_way_usual_at_once() {
    let mut house = House::new();
    let now = house.month(1, true);
    let browser = Place::named("elsewhere.1", "browser", "");
    let app = Place::named("elsewhere.1", "new phone", "app");
    let noted = house.act(1, Act::Refused(app), now);
    assert_eq!(noted, [Signal::NewNetwork, Signal::NewDevice]);
    assert!(house.act(1, Act::Refused(app), now + 5).is_empty(), "noted once an hour");
    assert_eq!(house.ask(1, &app, now + 6).level, Level::High, "nothing is learnt from what was refused");
    let session = Key(77);
    house.act(1, Act::SignedIn { place: browser, session, second_factor: true }, now + 60);
    assert!(house.profiles.proven_in(name(1), session, at(now + 61)));
    assert!(house.ask(1, &app, now + 61).proven, "the device is new, but nothing more needs to be asked");
    house.act(1, Act::Issued { place: app, session }, now + 62);
    let after = house.ask(1, &app, now + 63);
    assert_eq!((after.level, after.device_known, after.network_known), (Level::Low, true, true), "{after:?}");
    assert!(!house.ask(1, &app, now + 3_600).proven, "for a while only");
    assert_eq!(house.ask(1, &app, now + 3_600).level, Level::Low);
    // Tokens of a session without a second factor prove nothing.
    let other = Place::named("far.1", "tablet", "app");
    house.act(1, Act::Issued { place: other, session: Key(78) }, now + 64);
    assert_eq!(house.ask(1, &other, now + 65).level, Level::High);
}

#[test]
fn a_factor_that_was_enrolled_where_it_looked_risky_proves_nothing() {
    let mut house = House::new();
    let now = house.month(1, false);
    let thief = Place::named("elsewhere.1", "laptop", "");
    house.act(1, Act::Enrolled(thief), now);
    house.act(1, Act::Proved { place: thief, session: Key(5) }, now + 1);
    let found = house.ask(1, &thief, now + 2);
    assert_eq!((found.level, found.proven), (Level::High, false));
    // From where she always is, it is one from the first moment.
    let mut house = House::new();
    let now = house.month(1, false);
    house.act(1, Act::Enrolled(home(1)), now);
    house.act(1, Act::Proved { place: home(1), session: Key(5) }, now + 1);
    assert!(house.ask(1, &home(1), now + 2).proven);
}

#[test]
fn nobody_makes_himself_usual_in_a_day() {
    let mut house = House::new();
    let now = house.month(1, false);
    let thief = Place::named("elsewhere.1", "laptop", "app");
    let before = house.ask(1, &thief, now).score;
    for second in (0..DAY - 13 * HOUR).step_by(60) {
        house.act(1, Act::Used(thief), now + second);
    }
    let after = house.ask(1, &thief, now + DAY - 13 * HOUR);
    assert!(!after.network_known && !after.device_known, "{after:?}");
    assert!(after.score + 20 >= before, "{before} then {}", after.score);
    // And her own ways are still hers after he tried hundreds.
    for number in 0..400 {
        house.act(1, Act::Used(Place::named(&format!("n{number}.1"), &format!("d{number}"), "app")), now + number);
    }
    assert_eq!(house.ask(1, &home(1), now + 2 * DAY).level, Level::Low);
}

#[test]
fn what_an_alert_names_is_not_learnt_and_is_taken_back() {
    let mut house = House::new();
    let now = house.month(1, false);
    let thief = Place::named("elsewhere.1", "laptop", "app");
    for day in 0..3 {
        for hour in 0..6 {
            house.act(1, Act::Used(thief), now + day * DAY + hour * HOUR);
        }
    }
    let learnt = house.ask(1, &thief, now + 3 * DAY);
    assert!(learnt.network_known && learnt.device_known, "three days make a habit");
    house.alert(Severity::High, "person", name(1), now - 60, now + 3 * DAY);
    let after = house.ask(1, &thief, now + 3 * DAY);
    assert!(!after.network_known && !after.device_known, "{after:?}");
    assert_eq!(after.level, Level::Critical);
    assert_eq!(house.ask(1, &home(1), now + 3 * DAY).level, Level::Low);
    for hour in 0..6 {
        house.act(1, Act::Used(thief), now + 3 * DAY + hour * HOUR);
    }
    assert!(!house.ask(1, &thief, now + 4 * DAY).device_known, "nor is it learnt again meanwhile");
}

#[test]
fn absence_is_not_forgetting() {
    let mut house = House::new();
    let now = house.month(1, false) + 200 * DAY;
    let thief = Place::named("elsewhere.1", "laptop", "app");
    assert_eq!(house.ask(1, &thief, now).level, Level::High, "an account that nobody uses is worth stealing");
    assert_eq!(house.ask(1, &home(1), now).level, Level::Low);
}

struct TooFast;

impl Model for TooFast {
    fn code(&self) -> &'static str {
        "too-fast"
    }

    fn text(&self) -> &'static str {
        "nobody travels as fast"
    }

    fn weigh(&self, view: &View<'_>) -> Option<f64> {
        (view.place.network == Place::named("moon", "", "").network).then_some(f64::INFINITY.min(1e9))
    }
}

#[test]
fn a_model_has_a_seat_and_a_bound() {
    let mut house = House::new();
    let now = house.month(1, false);
    let moon = Place::named("moon", "phone", "app");
    let before = house.ask(1, &moon, now).score;
    house.profiles.join(Box::new(TooFast));
    let after = house.ask(1, &moon, now);
    assert!(after.score > before && after.reasons[0].code == "too-fast" && after.reasons[0].weight <= 3.0, "{after:?}");
    assert_eq!(house.ask(1, &home(1), now).score, 0);
}

#[test]
fn people_leave_when_there_is_no_room_and_come_back_as_they_were() {
    let settings = Settings { people: 16, ..Settings::default() };
    let mut profiles = Profiles::new(settings);
    for who in 0..40 {
        profiles.observe(name(who), id(who), &Act::Used(home(who)), at(i64::from(who)), u64::from(who) + 1);
    }
    assert!(profiles.shrink(|_| false).is_empty(), "nobody leaves who is not saved");
    let saved = serde_json::to_string(profiles.get(name(0)).unwrap()).unwrap();
    // Whoever was just asked about stays.
    let left = profiles.shrink(|_| true);
    assert_eq!((left.len(), profiles.len(), profiles.get(name(0)).is_some()), (25, 15, true));
    profiles.remove(name(0));
    profiles.restore(name(0), serde_json::from_str(&saved).unwrap());
    assert_eq!(serde_json::to_string(profiles.get(name(0)).unwrap()).unwrap(), saved);
}

#[test]
fn what_is_usual_can_be_told() {
    let mut house = House::new();
    let now = house.month(1, true);
    house.act(1, Act::StepUpRequired, now);
    let told = house.profiles.explain(name(1), at(now)).unwrap();
    assert_eq!((told.networks.len(), told.devices.len(), told.clients.len()), (2, 1, 1));
    assert_eq!((told.hours.len(), told.hours[0].len()), (7, 24));
    assert!(told.hours[0][12] > 0 && told.hours[0][3] == 0, "{:?}", told.hours);
    assert!(told.has_factor && told.step_up_due && told.devices[0].usual && told.devices[0].days > 20);
    assert!(told.devices[0].first < told.devices[0].last);
    assert!(house.profiles.explain(name(2), at(now)).is_none());
}

#[test]
fn a_profile_takes_at_most_two_kilobytes() {
    let settings = Settings { learn_every: Duration::ZERO, most_a_day: 255, ..Settings::default() };
    let mut profiles = Profiles::new(settings);
    for n in 0..5_000_u32 {
        let place = Place::named(&format!("c{}.{n}", n % 40), &format!("d{}", n % 50), &format!("a{}", n % 30));
        let act = match n % 3 {
            0 => Act::Used(place),
            1 => Act::SignedIn { place, session: Key(n.into()), second_factor: true },
            _ => Act::Proved { place, session: Key(n.into()) },
        };
        profiles.observe(name(1), id(1), &act, at(i64::from(n) * 2_711), u64::from(n) + 1);
    }
    let profile = profiles.get(name(1)).unwrap();
    // 32 values of 28 bytes, 168 hours, 4 proofs, and what is fixed.
    let memory = size_of_val(profile) + 32 * 28 + 4 * 24;
    let stored = serde_json::to_vec(profile).unwrap().len();
    assert!(memory <= 2_048, "{memory} bytes in memory");
    assert!(stored <= 4_096, "{stored} bytes stored");
    let explained = profiles.explain(name(1), at(0)).unwrap();
    assert!(explained.networks.len() + explained.devices.len() + explained.clients.len() <= 26);
}
