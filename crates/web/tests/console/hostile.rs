//! A house whose every text tries to get out of the page.

use std::sync::Mutex;
use std::time::Duration;

use testudo_core::{
    Actor, Admission, Control, Decision, Disclose, Execute, Fault, IncidentId, PersonId, ResponseId, Severity,
    Timestamp,
};
use testudo_web::console::{
    Act, Breach, Change, Download, DryRun, ExportLine, House, HouseError, Incident, IncidentAction, IncidentLine,
    IncidentPage, Measure, Moment, PolicyText, Posture, PosturePart, Pulse, RateLine, Reply, Risk, RuleLine, Secret,
    Section, Span, Step, Task,
};

pub const MARKUP: &str = "\u{202e}<script>alert(1)</script><img src=x onerror=alert(1)>\"'>{{7*7}}${7*7}\u{0}";
const START: i64 = 1_800_000_000;

#[derive(Default)]
pub struct Hostile {
    done: Mutex<Vec<(Act, String)>>,
    stalled: std::sync::atomic::AtomicBool,
}

impl Hostile {
    pub fn done(&self) -> Vec<(Act, String)> {
        self.done.lock().unwrap().clone()
    }

    pub fn stall(&self) {
        self.stalled.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

pub fn ids() -> (IncidentId, ResponseId) {
    let at = Timestamp::from_seconds(START);
    (IncidentId::new(at, [1; 10]), ResponseId::new(at, [2; 10]))
}

fn line() -> IncidentLine {
    IncidentLine {
        id: ids().0,
        title: MARKUP.into(),
        severity: Severity::High,
        state: MARKUP.into(),
        closed: false,
        opened: Timestamp::from_seconds(START),
        changed: Timestamp::from_seconds(START + 60),
        alerts: 3,
        done: 2,
        waiting: 1,
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> Reply<'a, T> {
    Box::pin(std::future::ready(Ok(value)))
}

impl House for Hostile {
    fn audit(&self) -> Decision {
        if self.stalled.load(std::sync::atomic::Ordering::Relaxed) {
            Decision::fault(Control::Audit, Fault::Dependency)
        } else {
            Decision::allow(Control::Audit)
        }
    }

    fn observes(&self) -> bool {
        true
    }

    fn posture(&self) -> Posture {
        let part =
            PosturePart { name: MARKUP.into(), points: 0, of: 8, why: Some(MARKUP.into()), link: Some("/audit") };
        let whole = PosturePart { name: "transport".into(), points: 10, of: 10, why: None, link: None };
        Posture { score: 55, parts: vec![part, whole] }
    }

    fn pulse(&self, span: Span) -> Pulse {
        let (count, step) = span.steps();
        let steps = (0..count).map(|n| Step {
            at: Timestamp::from_seconds(START).plus(step * u32::try_from(n).unwrap()),
            allowed: n as u64,
            refused: u64::from(n % 3 == 0),
            sign_ins: 1,
            sign_in_failures: 2,
            alerts: u64::from(n == 5),
        });
        Pulse {
            steps: steps.collect(),
            step,
            controls: vec![(Control::Waf, vec![3; count])],
            codes: vec![(Control::Waf, MARKUP.into(), 3)],
            routes: vec![(MARKUP.into(), 50, 3)],
            known_since: Some(Timestamp::from_seconds(START)),
        }
    }

    fn measures(&self) -> Vec<Measure> {
        vec![Measure {
            id: "00ff".into(),
            name: "block",
            target: MARKUP.into(),
            masked: true,
            how: MARKUP.into(),
            until: Some(Timestamp::from_seconds(START + 3_600)),
            reason: MARKUP.into(),
            incident: Some(ids().0),
        }]
    }

    fn rates(&self) -> Vec<RateLine> {
        vec![RateLine { by: MARKUP.into(), rate: MARKUP.into(), key: MARKUP.into() }]
    }

    fn incidents(&self, _: bool, _: Option<IncidentId>, _: usize) -> Reply<'_, IncidentPage> {
        ready(IncidentPage { items: vec![line()], open: 1, more: true })
    }

    fn incident(&self, id: IncidentId) -> Reply<'_, Option<Incident>> {
        let at = Timestamp::from_seconds(START);
        let incident = Incident {
            line: line(),
            detected_after: Some(Duration::from_millis(800)),
            contained_after: Some(Duration::from_secs(2)),
            entities: vec![(MARKUP.into(), MARKUP.into()), ("person".into(), "00ff".repeat(8))],
            actions: vec![IncidentAction {
                id: ids().1,
                name: MARKUP.into(),
                target: MARKUP.into(),
                state: MARKUP.into(),
                note: MARKUP.into(),
                at,
                until: Some(at),
                undoable: true,
                waits: true,
            }],
            timeline: vec![Moment { at, text: MARKUP.into(), seq: Some(3) }],
            notes: vec![(at, MARKUP.into(), format!("{MARKUP}\nsecond line"))],
            tasks: vec![Task { number: 1, text: MARKUP.into(), done: None }],
            breach: Some(Breach {
                aware: at,
                due: at.plus(Duration::from_hours(72)),
                facts: vec![(MARKUP.into(), MARKUP.into())],
            }),
        };
        ready((id == ids().0).then_some(incident))
    }

    fn evidence(&self, _: IncidentId) -> Reply<'_, Option<Download>> {
        ready(None)
    }

    fn risk(&self, _: PersonId) -> Reply<'_, Option<Risk>> {
        ready(Some(Risk {
            score: 72,
            reasons: vec![(MARKUP.into(), 30)],
            usual: vec![(MARKUP.into(), MARKUP.into(), Timestamp::from_seconds(START))],
        }))
    }

    fn rules(&self) -> Vec<RuleLine> {
        vec![RuleLine {
            id: MARKUP.into(),
            title: MARKUP.into(),
            level: Severity::High,
            file: MARKUP.into(),
            tags: vec![MARKUP.into()],
        }]
    }

    fn policies(&self) -> Vec<PolicyText> {
        vec![PolicyText { name: MARKUP.into(), text: MARKUP.replace(['\u{202e}', '\u{0}'], "") }]
    }

    fn dry_run(&self, _: Option<String>) -> Reply<'_, DryRun> {
        let change = Change { route: MARKUP.into(), why: MARKUP.into(), count: 3, example: Some(MARKUP.into()) };
        ready(DryRun {
            looked_at: 1_234,
            unknown: 5,
            cut: true,
            since: Some(Timestamp::from_seconds(START)),
            same: (1_000, 200),
            newly_refused: vec![change.clone()],
            newly_allowed: vec![change],
            changed: (30, 4),
            mistakes: Vec::new(),
        })
    }

    fn exports(&self) -> Vec<ExportLine> {
        vec![ExportLine {
            name: MARKUP.into(),
            how: MARKUP.into(),
            state: MARKUP.into(),
            healthy: false,
            cursor: 10,
            behind: 1_000_000,
        }]
    }

    fn settings(&self) -> Vec<Section> {
        vec![Section { name: MARKUP.into(), values: vec![(MARKUP.into(), MARKUP.into())] }]
    }

    fn checkpoint_file(&self) -> Option<std::path::PathBuf> {
        None
    }

    fn act<'a>(&'a self, act: Admission<Execute, Act>, _: Actor, reason: &'a str) -> Reply<'a, ()> {
        self.done.lock().unwrap().push((act.into_parts().0, reason.to_owned()));
        ready(())
    }

    fn reveal(&self, secret: Admission<Disclose, Secret>) -> Reply<'_, String> {
        let Secret::Measure(id) = secret.into_parts().0;
        if &*id == "00ff" {
            ready("203.0.113.0/24".into())
        } else {
            Box::pin(async { Err(HouseError::NotFound("measure")) })
        }
    }
}
