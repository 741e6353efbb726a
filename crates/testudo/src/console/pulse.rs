//! The pulse of the app: rolling counts in memory, so that the console's pictures cost nothing to draw.
//!
//! Minutes for two hours, half hours for two days, hours for a week, each with requests, refusals by control, code and
//! route, sign-ins and alerts. Fed by a tail of the journal; at a start the newest entries are counted again, up to a
//! bound, and the pictures say from when on they are whole. Each bucket is bounded: what is beyond its names counts as
//! `other`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use testudo_core::{Control, EventKind, Outcome, Timestamp};
use testudo_gateway::CloseSignal;
use testudo_store::Plain;
use testudo_web::console::{Pulse as View, Span, Step};

use crate::node::Node;

/// Entries that are counted again at a start.
const BEGIN: u64 = 50_000;
/// Codes and routes of a bucket.
const NAMES: usize = 64;
/// Between two tries when the journal can't be read.
const RETRY: Duration = Duration::from_millis(500);
/// The kinds that count.
const KINDS: [EventKind; 3] = [EventKind::RequestDecided, EventKind::SignIn, EventKind::AlertRaised];

/// The counts; shared by whoever asks.
#[derive(Default)]
pub struct Pulse(RwLock<Rings>);

#[derive(Default)]
struct Rings {
    minutes: Ring<60, 120>,
    halves: Ring<1_800, 96>,
    hours: Ring<3_600, 170>,
    /// The first event that was counted, when there are older ones.
    since: Option<Timestamp>,
}

/// Buckets of so many seconds each, at most so many.
#[derive(Default)]
struct Ring<const SECONDS: i64, const MOST: usize>(VecDeque<(i64, Bucket)>);

#[derive(Clone, Default)]
struct Bucket {
    allowed: u64,
    refused: u64,
    sign_ins: u64,
    sign_in_failures: u64,
    alerts: u64,
    controls: BTreeMap<Control, u64>,
    codes: HashMap<(Control, Box<str>), u64>,
    routes: HashMap<Box<str>, (u64, u64)>,
}

impl<const SECONDS: i64, const MOST: usize> Ring<SECONDS, MOST> {
    fn at(&mut self, at: Timestamp) -> Option<&mut Bucket> {
        let slot = at.seconds().div_euclid(SECONDS);
        let newest = self.0.back().map_or(slot, |(newest, _)| *newest);
        if slot <= newest - i64::try_from(MOST).unwrap_or(i64::MAX) {
            return None;
        }
        let place = match self.0.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (slot, Bucket::default()));
                place
            }
        };
        let mut place = place;
        let oldest = newest.max(slot) - i64::try_from(MOST).unwrap_or(i64::MAX);
        while self.0.front().is_some_and(|(first, _)| *first <= oldest) {
            self.0.pop_front();
            place = place.checked_sub(1)?;
        }
        self.0.get_mut(place).map(|(_, bucket)| bucket)
    }

    /// The buckets from an instant on, below another.
    fn range(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = &Bucket> {
        let (from, to) = (from.seconds().div_euclid(SECONDS), to.seconds().div_euclid(SECONDS));
        self.0.iter().filter(move |(slot, _)| (from..to).contains(slot)).map(|(_, bucket)| bucket)
    }
}

impl Bucket {
    /// `name` is room for the name of a route, so that none is made for each entry.
    fn count(&mut self, plain: &Plain, name: &mut String) {
        let times = u64::from(plain.count);
        let failed = plain.outcome == Outcome::Failure;
        match plain.kind {
            EventKind::AlertRaised => self.alerts += times,
            EventKind::SignIn if failed => self.sign_in_failures += times,
            EventKind::SignIn => self.sign_ins += times,
            EventKind::RequestDecided => {
                if failed {
                    self.refused += times;
                    let control = plain.control.unwrap_or(Control::Audit);
                    *self.controls.entry(control).or_default() += times;
                    let code = plain.code.as_deref().unwrap_or("none");
                    *entry(&mut self.codes, (control, code.into()), (control, "other".into())) += times;
                } else {
                    self.allowed += times;
                }
                if let Some(http) = &plain.http {
                    let route = match &*http.route {
                        "-" | "" => "(no route)",
                        route if route.starts_with("/assets/") => "/assets/{name}",
                        route => route,
                    };
                    name.clear();
                    name.extend([&*http.method, " ", route]);
                    let route = match self.routes.get_mut(name.as_str()) {
                        Some(known) => known,
                        None => entry(&mut self.routes, name.as_str().into(), "other".into()),
                    };
                    if failed { route.1 += times } else { route.0 += times }
                }
            }
            _ => {}
        }
    }
}

/// The value of a name, or of the one for all others when there are too many.
fn entry<K: std::hash::Hash + Eq, V: Default>(names: &mut HashMap<K, V>, name: K, other: K) -> &mut V {
    let name = if names.len() < NAMES || names.contains_key(&name) { name } else { other };
    names.entry(name).or_default()
}

impl Pulse {
    /// Takes in an entry.
    pub fn count<'a>(&self, entries: impl IntoIterator<Item = &'a Plain>) {
        let mut rings = self.0.write();
        let mut name = String::new();
        for plain in entries {
            if let Some(bucket) = rings.minutes.at(plain.at) {
                bucket.count(plain, &mut name);
            }
            if let Some(bucket) = rings.halves.at(plain.at) {
                bucket.count(plain, &mut name);
            }
            if let Some(bucket) = rings.hours.at(plain.at) {
                bucket.count(plain, &mut name);
            }
        }
    }

    /// Says from when on the counts are whole.
    pub fn since(&self, at: Timestamp) {
        self.0.write().since = Some(at);
    }

    /// What a picture of a span that ends now shows.
    pub fn view(&self, span: Span, now: Timestamp) -> View {
        let (count, step) = span.steps();
        let seconds = i64::try_from(step.as_secs()).unwrap_or(i64::MAX);
        let end = (now.seconds().div_euclid(seconds) + 1) * seconds;
        let begin = end - seconds * i64::try_from(count).unwrap_or(i64::MAX);
        let rings = self.0.read();
        let mut view = View { step, ..View::default() };
        let mut codes: HashMap<(Control, Box<str>), u64> = HashMap::new();
        let mut routes: HashMap<Box<str>, (u64, u64)> = HashMap::new();
        let mut controls: BTreeMap<Control, Vec<u64>> = BTreeMap::new();
        for place in 0..count {
            let from = Timestamp::from_seconds(begin + seconds * i64::try_from(place).unwrap_or(i64::MAX));
            let to = from.plus(step);
            let mut shown = Step { at: from, ..Step::default() };
            let buckets: Vec<&Bucket> = match span {
                Span::Hour => rings.minutes.range(from, to).collect(),
                Span::Day => rings.halves.range(from, to).collect(),
                Span::Week => rings.hours.range(from, to).collect(),
            };
            for bucket in buckets {
                shown.allowed += bucket.allowed;
                shown.refused += bucket.refused;
                shown.sign_ins += bucket.sign_ins;
                shown.sign_in_failures += bucket.sign_in_failures;
                shown.alerts += bucket.alerts;
                for (control, times) in &bucket.controls {
                    let course = controls.entry(*control).or_insert_with(|| vec![0; count]);
                    if let Some(value) = course.get_mut(place) {
                        *value += times;
                    }
                }
                for (code, times) in &bucket.codes {
                    *codes.entry(code.clone()).or_default() += times;
                }
                for (route, (allowed, refused)) in &bucket.routes {
                    let sum = routes.entry(route.clone()).or_default();
                    *sum = (sum.0 + allowed, sum.1 + refused);
                }
            }
            view.steps.push(shown);
        }
        view.controls = controls.into_iter().collect();
        view.controls.sort_by_key(|(_, course)| std::cmp::Reverse(course.iter().sum::<u64>()));
        view.codes = codes.into_iter().map(|((control, code), sum)| (control, code.into(), sum)).collect();
        view.codes.sort_by(|one, other| other.2.cmp(&one.2).then_with(|| one.1.cmp(&other.1)));
        view.routes = routes.into_iter().map(|(route, (a, r))| (route.into(), a, r)).collect();
        view.routes.sort_by(|one, other| (other.1 + other.2).cmp(&(one.1 + one.2)).then_with(|| one.0.cmp(&other.0)));
        view.codes.truncate(NAMES + 1);
        view.routes.truncate(NAMES + 1);
        view.known_since = rings.since.filter(|since| since.seconds() > begin);
        view
    }
}

/// Counts the newest entries again, then follows the journal until `stop` fires.
pub async fn follow(node: Arc<Node>, pulse: Arc<Pulse>, stop: CloseSignal) {
    let head = *node.store.head().borrow();
    let from = head.saturating_sub(BEGIN);
    let mut tail = node.store.tail(from, &KINDS);
    let mut first = from > 0;
    let count = async {
        loop {
            match tail.next().await {
                Ok(entries) => {
                    if let Some(entry) = entries.first().filter(|_| std::mem::take(&mut first)) {
                        pulse.since(entry.plain.at);
                    }
                    pulse.count(entries.iter().map(|entry| &entry.plain));
                    // Counting again at a start leaves the others their turn.
                    tokio::task::yield_now().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the journal can't be read; the console's pictures stand still");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    };
    tokio::select! { () = count => {}, () = stop.closed() => {} }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]

    use std::borrow::Cow;

    use testudo_core::HttpFacts;

    use super::*;

    fn decided(at: i64, code: Option<&'static str>, route: &str, count: u32) -> Plain {
        let mut text = serde_json::json!({
            "kind": "request.decided", "at": at * 1_000_000, "outcome": "success", "count": count,
        });
        if let Some(code) = code {
            text["outcome"] = "failure".into();
            text["control"] = "rate-limit".into();
            text["code"] = code.into();
        }
        let mut plain: Plain = serde_json::from_value(text).unwrap_or_else(|error| unreachable!("{error}"));
        plain.http =
            Some(HttpFacts { method: "GET".into(), route: Cow::Owned(route.to_owned()), ..HttpFacts::default() });
        plain
    }

    #[test]
    fn counts_stand_in_their_steps_and_the_old_leave() {
        let pulse = Pulse::default();
        let now = 1_800_000_030;
        pulse.count(&[
            decided(now, None, "/accounts", 1),
            decided(now - 60, Some("rate-limited"), "/accounts", 40),
            decided(now - 86_400 * 30, None, "/old", 1),
        ]);
        let view = pulse.view(Span::Hour, Timestamp::from_seconds(now));
        assert_eq!(view.steps.len(), 60);
        assert_eq!((view.steps[59].allowed, view.steps[58].refused), (1, 40));
        assert_eq!(view.controls[0].1[58], 40);
        assert_eq!(view.codes, [(Control::RateLimit, "rate-limited".to_owned(), 40)]);
        assert_eq!(view.routes, [("GET /accounts".to_owned(), 1, 40)]);
        let week = pulse.view(Span::Week, Timestamp::from_seconds(now));
        assert_eq!(week.steps.iter().map(|step| step.allowed + step.refused).sum::<u64>(), 41, "the week is in hours");
    }

    #[test]
    fn names_are_bounded() {
        let pulse = Pulse::default();
        let now = 1_800_000_030;
        let many: Vec<Plain> = (0..500).map(|n| decided(now, None, &format!("/r{n}"), 1)).collect();
        pulse.count(&many);
        let view = pulse.view(Span::Day, Timestamp::from_seconds(now));
        assert!(view.routes.len() <= NAMES + 1, "{}", view.routes.len());
        assert_eq!(view.routes.iter().map(|(_, allowed, _)| allowed).sum::<u64>(), 500);
        let clock: Vec<Plain> = (0..200).map(|n| decided(now + n * 60, None, "/x", 1)).collect();
        pulse.count(&clock);
        assert!(pulse.0.read().minutes.0.len() <= 120);
    }
}
