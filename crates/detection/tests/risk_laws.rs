//! Laws of the risk score: it stays in its range, usual ways never look worse for being used, a replay gives what was
//! live, and a profile has a bound.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use proptest::prelude::*;
use testudo_core::{Alert, PersonId, Pseudonym, Severity, Timestamp};
use testudo_detection::risk::{Act, Key, Level, Place, Profile, Profiles, Settings};

const START: i64 = 1_772_452_800;

#[derive(Clone, Debug)]
enum Step {
    Act(u8, Act),
    Alert(u8, Severity, bool),
}

fn place() -> impl Strategy<Value = Place> {
    (0..6u8, 0..4u8, 0..4u8, 0..4u8).prop_map(|(network, carrier, device, client)| {
        let client = if client == 0 { String::new() } else { format!("c{client}") };
        let place = Place::named(&format!("p{carrier}"), &format!("d{device}"), &client);
        // The low numbers are those that alerts name.
        Place { network: Key::of(Pseudonym([network; 16])), ..place }
    })
}

fn act() -> impl Strategy<Value = Act> {
    let session = || (0..3u64).prop_map(Key);
    prop_oneof![
        6 => place().prop_map(Act::Used),
        1 => place().prop_map(Act::Refused),
        2 => (place(), session(), any::<bool>())
            .prop_map(|(place, session, second_factor)| Act::SignedIn { place, session, second_factor }),
        1 => (place(), session()).prop_map(|(place, session)| Act::Proved { place, session }),
        1 => (place(), session()).prop_map(|(place, session)| Act::Issued { place, session }),
        1 => Just(Act::Failed),
        1 => Just(Act::Reused),
        1 => place().prop_map(Act::Enrolled),
        1 => Just(Act::FactorsRemoved),
        1 => Just(Act::StepUpRequired),
        1 => Just(Act::StepUpWaived),
    ]
}

fn step() -> impl Strategy<Value = (i64, Step)> {
    let level =
        prop_oneof![Just(Severity::Low), Just(Severity::Medium), Just(Severity::High), Just(Severity::Critical)];
    let step = prop_oneof![
        12 => (0..3u8, act()).prop_map(|(who, act)| Step::Act(who, act)),
        1 => (0..6u8, level, any::<bool>()).prop_map(|(what, level, person)| Step::Alert(what, level, person)),
    ];
    // Mostly forth; clocks also go back.
    (prop_oneof![8 => 0..100_000i64, 1 => -50_000..0i64], step)
}

fn alert(number: u8, level: Severity, person: bool, at: Timestamp) -> Alert {
    let field = if person { "person" } else { "network" };
    Alert {
        rule: "r".into(),
        title: "t".into(),
        author: String::new(),
        level,
        at,
        since: at.minus(std::time::Duration::from_mins(10)),
        group: BTreeMap::from([(field.to_owned(), Pseudonym([number; 16]).to_string())]),
        places: vec![],
        count: 1,
        suppressed: 0,
        tags: vec![],
        false_positives: vec![],
    }
}

fn apply(profiles: &mut Profiles, step: &Step, at: Timestamp, seq: u64) {
    match step {
        Step::Act(who, act) => {
            profiles.observe(Pseudonym([*who; 16]), PersonId::from_bytes([*who; 16]), act, at, seq);
        }
        Step::Alert(number, level, person) => {
            profiles.alert(&alert(*number, *level, *person, at));
        }
    }
}

fn run(steps: &[(i64, Step)]) -> (Profiles, Timestamp) {
    let mut profiles = Profiles::new(Settings::default());
    let mut second = START;
    for ((pause, step), seq) in steps.iter().zip(1..) {
        second += pause;
        apply(&mut profiles, step, Timestamp::from_seconds(second), seq);
    }
    (profiles, Timestamp::from_seconds(second))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_score_is_in_its_range_and_says_why(steps in prop::collection::vec(step(), 0..60), place in place()) {
        let (profiles, now) = run(&steps);
        for who in 0..4 {
            let found = profiles.assess(Pseudonym([who; 16]), &place, now);
            prop_assert!(found.score <= 100);
            prop_assert!(found.reasons.len() <= 5);
            prop_assert!(found.reasons.iter().all(|reason| reason.weight > 0.0 && !reason.text.is_empty()));
            prop_assert_eq!(found.level, profiles.settings().level(found.score));
            if found.level >= Level::High {
                prop_assert!(!found.reasons.is_empty());
            }
            prop_assert_eq!(&found, &profiles.assess(Pseudonym([who; 16]), &place, now));
        }
    }

    /// Without an attack nothing is critical, so that nobody is refused only for being somewhere else.
    #[test]
    fn what_is_only_new_is_never_critical(acts in prop::collection::vec((0..100_000i64, place()), 0..60), place in place()) {
        let steps: Vec<_> = acts.into_iter().map(|(pause, place)| (pause, Step::Act(1, Act::Used(place)))).collect();
        let (profiles, now) = run(&steps);
        prop_assert!(profiles.assess(Pseudonym([1; 16]), &place, now).level < Level::Critical);
    }

    /// Whoever comes this way once more does not look worse for it.
    #[test]
    fn more_use_never_raises_the_score(steps in prop::collection::vec(step(), 0..60), place in place(), pause in 0..200_000i64) {
        let (mut profiles, now) = run(&steps);
        let now = now.plus(std::time::Duration::from_secs(u64::try_from(pause).unwrap()));
        let name = Pseudonym([1; 16]);
        let before = profiles.assess(name, &place, now).score;
        profiles.observe(name, PersonId::from_bytes([1; 16]), &Act::Used(place), now, 1_000);
        let after = profiles.assess(name, &place, now).score;
        prop_assert!(after <= before, "{} then {}", before, after);
    }

    /// A second factor that was shown somewhere never makes it worse there.
    #[test]
    fn a_proof_never_raises_the_score(steps in prop::collection::vec(step(), 0..60), place in place()) {
        let (mut profiles, now) = run(&steps);
        let name = Pseudonym([1; 16]);
        let before = profiles.assess(name, &place, now).score;
        let act = Act::Proved { place, session: Key(9) };
        profiles.observe(name, PersonId::from_bytes([1; 16]), &act, now, 1_000);
        let after = profiles.assess(name, &place, now).score;
        prop_assert!(after <= before, "{} then {}", before, after);
    }

    /// Saved anywhere and read again, the same events give the same profiles; what came twice counts once.
    #[test]
    fn a_replay_gives_what_was_live(steps in prop::collection::vec(step(), 1..80), cut in 0..80usize) {
        let (live, _) = run(&steps);
        let cut = cut.min(steps.len());
        let (before, _) = run(&steps[..cut]);
        let mut replayed = Profiles::new(Settings::default());
        for who in 0..3 {
            if let Some(profile) = before.get(Pseudonym([who; 16])) {
                let saved: Profile = serde_json::from_slice(&serde_json::to_vec(profile).unwrap()).unwrap();
                replayed.restore(Pseudonym([who; 16]), saved);
            }
        }
        let context = serde_json::to_vec(before.context()).unwrap();
        replayed.restore_context(serde_json::from_slice(&context).unwrap());
        let mut second = START;
        for (((pause, step), seq), index) in steps.iter().zip(1..).zip(0..) {
            second += pause;
            // Up to the cut acts of people come again; alerts were saved with the context.
            if index >= cut || matches!(step, Step::Act(..)) && index + 3 >= cut {
                apply(&mut replayed, step, Timestamp::from_seconds(second), seq);
            }
        }
        for who in 0..3 {
            let name = Pseudonym([who; 16]);
            let text = |profiles: &Profiles| profiles.get(name).map(|profile| serde_json::to_string(profile).unwrap());
            prop_assert_eq!(text(&live), text(&replayed));
        }
        prop_assert_eq!(live.context(), replayed.context());
    }
}
