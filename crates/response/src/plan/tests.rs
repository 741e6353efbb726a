//! What is planned, what waits, what is refused with the count; and the laws of planning.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use testudo_core::Severity;

use super::*;
use crate::testing::{at, incident, network_alert, person, response};
use crate::{By, Verdict, pack};

fn playbook(steps: &str) -> Playbook {
    let text =
        format!("id = \"test\"\ntitle = \"A test\"\n[trigger]\nrules = [\"testudo-credential-stuffing\"]\n{steps}");
    Playbook::read("test.toml", &text).unwrap()
}

fn situation() -> Situation {
    let network: IpNet = "203.0.113.0/24".parse().unwrap();
    Situation {
        people: BTreeSet::from([person(1)]),
        opened: BTreeSet::from([person(1), person(2)]),
        addresses: BTreeSet::from(["203.0.113.7".parse().unwrap(), "203.0.113.9".parse().unwrap()]),
        active: 1_000,
        crowds: BTreeMap::from([(network, Crowd { people: 2, honest: 0 })]),
        ..Situation::default()
    }
}

fn rulings(steps: &str, situation: &Situation) -> Vec<(String, Ruling)> {
    let plan = plan(
        &[playbook(steps)],
        &network_alert(Severity::High, 0),
        &incident(),
        situation,
        &BlastRadius::default(),
        at(5),
    );
    plan.actions.into_iter().map(|planned| (planned.name.to_owned(), planned.ruling)).collect()
}

const REVOKE: &str = "[[steps]]\naction = \"revoke-person\"\nselect = \"opened-accounts\"\n";
const BLOCK: &str = "[[steps]]\naction = \"block\"\nselect = \"networks\"\nfor = \"15m\"\n";

#[test]
fn each_opened_account_and_each_network_once() {
    let plan = plan(
        &[playbook(&format!("{REVOKE}{BLOCK}{REVOKE}"))],
        &network_alert(Severity::High, 0),
        &incident(),
        &situation(),
        &BlastRadius::default(),
        at(5),
    );
    let done: Vec<_> = plan.actions.iter().filter(|one| one.ruling == Ruling::Now).collect();
    assert_eq!(done.len(), 3);
    assert!(matches!(&done[0].action, Some(Action::RevokePerson { person: one }) if *one == person(1)));
    assert!(matches!(&done[2].action, Some(Action::Block { .. })));
    assert_eq!((done[2].seconds, done[2].reach.people), (Some(900), 2));
    let twice = plan.not_done();
    assert_eq!(twice.values().sum::<u64>(), 2);
    assert!(twice.keys().all(|(_, _, why)| why == "the same is planned already"));
}

#[test]
fn what_would_hit_everyone_is_refused_with_the_count() {
    let everyone = "[[steps]]\naction = \"revoke-person\"\nselect = \"everyone\"\n";
    assert_eq!(
        rulings(everyone, &situation()),
        [("revoke-person".into(), Ruling::Refused("it would hit everyone: 1000 active people, and all others".into()))]
    );
    let everyone = "[[steps]]\naction = \"block\"\nselect = \"everyone\"\nfor = \"1m\"\n";
    assert!(
        matches!(&rulings(everyone, &situation())[0].1, Ruling::Refused(why) if why.contains("1000 active people"))
    );
    // A network from which most people come is everyone too.
    let mut most = situation();
    most.crowds.values_mut().for_each(|crowd| *crowd = Crowd { people: 612, honest: 610 });
    assert_eq!(
        rulings(BLOCK, &most)[0].1,
        Ruling::Refused("it would shut out 612 of 1000 active people (62 %); the limit is 50 %".into())
    );
    // So is the only client.
    let mut client = situation();
    let id: ClientId = "app".parse().unwrap();
    client.clients.insert(id.clone());
    client.client_crowds.insert(id, Crowd { people: 990, honest: 990 });
    let disable = "[[steps]]\naction = \"disable-client\"\nselect = \"clients\"\nfor = \"1h\"\n";
    assert!(matches!(&rulings(disable, &client)[0].1, Ruling::Refused(why) if why.contains("990 of 1000")));
    // A client of which nothing is known may be everyone's.
    client.client_crowds.clear();
    assert!(matches!(&rulings(disable, &client)[0].1, Ruling::Refused(why) if why.contains("1000 of 1000")));
}

#[test]
fn what_hits_many_waits_for_an_administrator() {
    let mut many = situation();
    many.crowds.values_mut().for_each(|crowd| *crowd = Crowd { people: 42, honest: 40 });
    assert_eq!(
        rulings(BLOCK, &many)[0].1,
        Ruling::Approval("it would hit 42 of 1000 active people (5 %), 40 of them bystanders; the limit is 10".into())
    );
    let tighten = "[[steps]]\naction = \"tighten-limits\"\nselect = \"everyone\"\npercent = 50\nfor = \"5m\"\n";
    assert!(matches!(&rulings(tighten, &situation())[0].1, Ruling::Approval(why) if why.contains("1000 of 1000")));
    let routes = "[[steps]]\naction = \"restrict-routes\"\npath = \"/\"\nfor = \"5m\"\n";
    assert!(matches!(rulings(routes, &situation())[0].1, Ruling::Approval(_)));
    // People by name: a hundred go by themselves, the rest waits.
    let mut named = situation();
    named.active = 5_000;
    named.opened = (0..=120).map(|number| PersonId::from_bytes([number; 16])).collect();
    let ruled = rulings(REVOKE, &named);
    let count = |wanted: fn(&Ruling) -> bool| ruled.iter().filter(|(_, ruling)| wanted(ruling)).count();
    assert_eq!(count(|ruling| *ruling == Ruling::Now), 100);
    assert!(matches!(&ruled[100].1, Ruling::Refused(why) if why.contains("21 more targets")));
}

#[test]
fn a_part_of_few_people_is_no_reason_to_wait_but_of_many_it_is() {
    let mut few = situation();
    few.active = 4;
    assert!(rulings(REVOKE, &few).iter().all(|(_, ruling)| *ruling == Ruling::Now), "two of four, and that is few");
    let mut part = situation();
    part.active = 60;
    part.opened = (0..20).map(|number| PersonId::from_bytes([number; 16])).collect();
    let ruled = rulings(REVOKE, &part);
    assert_eq!(ruled.iter().filter(|(_, ruling)| *ruling == Ruling::Now).count(), 10);
    assert!(
        matches!(&ruled[10].1, Ruling::Approval(why) if why.contains("11 of 60 active people (19 %)")),
        "{ruled:?}"
    );
}

#[test]
fn bystanders_and_ourselves_are_spared() {
    let careful = format!("{BLOCK}when = {{ bystanders-at-most = 0 }}\n");
    assert_eq!(rulings(&careful, &situation())[0].1, Ruling::Now);
    let mut honest = situation();
    honest.crowds.values_mut().for_each(|crowd| *crowd = Crowd { people: 3, honest: 1 });
    let spared = Ruling::Skipped("it would hit 1 bystanders, and at most 0 may be".into());
    assert_eq!(rulings(&careful, &honest)[0].1, spared);
    let mut own = situation();
    own.ourselves.insert("203.0.113.0/24".parse().unwrap(), "a proxy".into());
    assert_eq!(rulings(BLOCK, &own)[0].1, Ruling::Approval("it would hit ourselves: a proxy".into()));
    let lock = "[[steps]]\naction = \"lock-person\"\nselect = \"people\"\nfor = \"1h\"\n";
    let mut admin = situation();
    assert_eq!(rulings(lock, &admin)[0].1, Ruling::Now);
    admin.administrators.insert(person(1));
    assert!(matches!(rulings(lock, &admin)[0].1, Ruling::Approval(_)));
}

#[test]
fn conditions_say_why_they_do_not_hold() {
    let level = format!("{REVOKE}when = {{ level = \"critical\" }}\n");
    assert_eq!(
        rulings(&level, &situation())[0].1,
        Ruling::Skipped("the alert is high, and only critical ones count here".into())
    );
    let opened = format!("{REVOKE}when = {{ opened-at-least = 3 }}\n");
    assert!(matches!(&rulings(&opened, &situation())[0].1, Ruling::Skipped(why) if why.starts_with("2 accounts")));
    let events = format!("{REVOKE}when = {{ events-at-least = 21 }}\n");
    assert!(matches!(&rulings(&events, &situation())[0].1, Ruling::Skipped(why) if why.contains("20 events")));
    let notify = "[[steps]]\naction = \"notify\"\nchannel = \"security\"\n";
    assert_eq!(rulings(notify, &situation())[0].1, Ruling::Skipped("no channel `security` is configured".into()));
    let mut told = situation();
    told.channels.insert("security".into());
    assert_eq!(rulings(notify, &told)[0].1, Ruling::Now);
    let nobody = rulings(REVOKE, &Situation::default());
    assert_eq!(nobody[0].1, Ruling::Skipped("the alert's events name no opened-accounts".into()));
}

#[test]
fn what_is_in_force_is_left_and_what_a_person_took_back_is_not_done_again() {
    let block = |minutes| {
        let target = BlockTarget::Network("203.0.113.0/24".parse().unwrap());
        Action::Block { target, duration: Duration::from_mins(minutes) }
    };
    let mut held = situation();
    held.in_force = vec![(block(1), Some(at(5 + 8 * 60)))];
    assert!(matches!(&rulings(BLOCK, &held)[0].1, Ruling::Skipped(why) if why == "it is in force for long enough"));
    held.in_force = vec![(block(1), Some(at(5 + 7 * 60)))];
    assert_eq!(rulings(BLOCK, &held)[0].1, Ruling::Now, "less than half is left: it is made longer");

    let mut one = incident();
    one.respond(response(1, block(15), ResponseState::Approved)).unwrap();
    one.performed(one.responses[0].id, false, at(2)).unwrap();
    one.undone(one.responses[0].id, "honest people", By::Owner, at(3)).unwrap();
    let plan = |one: &Incident| {
        let alert = network_alert(Severity::High, 0);
        super::plan(&[playbook(BLOCK)], &alert, one, &situation(), &BlastRadius::default(), at(5)).actions[0]
            .ruling
            .clone()
    };
    assert!(matches!(plan(&one), Ruling::Skipped(why) if why.starts_with("a person undid")));
    // What ended by itself may be done again.
    let mut two = incident();
    two.respond(response(1, block(15), ResponseState::Approved)).unwrap();
    two.performed(two.responses[0].id, false, at(2)).unwrap();
    two.expired(two.responses[0].id, at(3)).unwrap();
    assert_eq!(plan(&two), Ruling::Now);
    let mut three = incident();
    three.respond(response(1, block(15), ResponseState::Proposed)).unwrap();
    assert_eq!(plan(&three), Ruling::Skipped("the same waits for an administrator".into()));
}

#[test]
fn disabled_playbooks_and_other_alerts_do_nothing() {
    let mut off = playbook(REVOKE);
    off.enabled = false;
    let alert = network_alert(Severity::High, 0);
    let none = plan(&[off], &alert, &incident(), &situation(), &BlastRadius::default(), at(5));
    assert_eq!(none, Plan::default());
    let mut other = alert.clone();
    other.rule = "another".into();
    assert_eq!(
        plan(&[playbook(REVOKE)], &other, &incident(), &situation(), &BlastRadius::default(), at(5)),
        Plan::default()
    );
}

/// The story with no configuration: a stuffing run limits its network, each account that it opened loses its sessions and
/// must step up, and the network is refused as nobody honest comes from it.
#[test]
fn the_pack_answers_a_stuffing_run() {
    let mut alert = network_alert(Severity::Critical, 0);
    alert.rule = "testudo-stuffed-account".into();
    let plan = plan(&pack().unwrap(), &alert, &incident(), &situation(), &BlastRadius::default(), at(5));
    let done: Vec<_> = plan.actions.iter().filter(|one| one.ruling == Ruling::Now).map(|one| one.name).collect();
    assert_eq!(
        done,
        ["revoke-person", "revoke-person", "require-step-up", "require-step-up", "tighten-limits", "block"]
    );
    let responses = plan.responses(Some(7), By::Machine, "a test", Duration::from_hours(1), at(5), |place| {
        ResponseId::new(at(5), [u8::try_from(place).unwrap(); 10])
    });
    assert_eq!(responses.len(), 6);
    assert!(responses.iter().all(|one| one.state == ResponseState::Approved && one.undo == one.action.undo()));
    assert_eq!(responses[3].seconds, Some(7 * 86_400));
}

proptest! {
    /// The same input gives the same plan; nothing is done that hits more than the limits; what was done is not planned
    /// again while it is in force; and a closed incident gets nothing.
    #[test]
    fn laws_of_planning(
        people in 0u64..2_000, honest in 0u64..2_000, active in 0u64..2_000, opened in 0u8..40,
        few in 0u64..20, bystanders in 0u64..50, approve in 0u64..60, refuse in 1u64..100,
    ) {
        let radius = BlastRadius { few, people: 30, bystanders, approve_percent: approve, refuse_percent: refuse };
        let crowd = Crowd { people, honest: honest.min(people) };
        let network: IpNet = "203.0.113.0/24".parse().unwrap();
        let at_hand = Situation {
            opened: (0..opened).map(person).collect(),
            addresses: BTreeSet::from(["203.0.113.7".parse().unwrap()]),
            active,
            crowds: BTreeMap::from([(network, crowd)]),
            ..Situation::default()
        };
        let playbooks = [playbook(&format!("{REVOKE}{BLOCK}"))];
        let alert = network_alert(Severity::High, 0);
        let mut one = incident();
        let first = plan(&playbooks, &alert, &one, &at_hand, &radius, at(5));
        prop_assert_eq!(&first, &plan(&playbooks, &alert, &one, &at_hand, &radius, at(5)));
        for planned in first.actions.iter().filter(|planned| planned.ruling == Ruling::Now) {
            prop_assert!(planned.reach.honest <= bystanders);
            let shut_out = planned.reach.people > few && planned.reach.percent() >= refuse;
            prop_assert!(!shut_out, "{:?}", planned);
        }
        let by_name = first.actions.iter().filter(|one| one.ruling == Ruling::Now && one.name == "revoke-person").count() as u64;
        prop_assert!(by_name <= 30);
        let ids = |place: usize| ResponseId::new(at(5), [u8::try_from(place).unwrap(); 10]);
        for response in first.responses(Some(1), By::Machine, "a test", Duration::from_mins(5), at(5), ids) {
            one.respond(response).unwrap();
        }
        let count = one.responses.len();
        // The same alert again: the ids are the same, and nothing is added.
        for response in first.responses(Some(1), By::Machine, "a test", Duration::from_mins(5), at(5), ids) {
            one.respond(response).unwrap();
        }
        prop_assert_eq!(one.responses.len(), count);
        one.close(Verdict::Test, "over", By::Owner, at(6)).unwrap();
        prop_assert!(one.respond(response(250, Action::RotateSigningKey, ResponseState::Approved)).is_err());
    }
}
