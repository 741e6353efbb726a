//! Masks on the way: what a request owes on its answer, what the upstream is asked for, and the answer with its masks.
//!
//! [`plan`] decides before the request is forwarded, [`ask`] makes the request one whose answer can be masked, and
//! [`Fulfil`] carries the mask out. What can't be masked is not delivered: before the head went out it is a 502, after it
//! the message is broken off, and the client sees that.

#![expect(clippy::large_enum_variant, reason = "there are few of them, each for one answer")]
#![expect(clippy::similar_names, reason = "the names are the words of the field")]
#![expect(clippy::type_complexity, reason = "the type is named where it is used")]

mod body;
mod coding;
mod head;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body::Body as _;
use smallvec::SmallVec;
use testudo_contract::Found;
use testudo_core::{Control, ControlSet, Decision, Denial, Obligation, RequestId, Settle};
use testudo_gateway::{Outbound, ResponseBody, UpstreamBody};
use testudo_identity::Caller;
use testudo_privacy::{DataClass, DeviceTrust, Facts, Format, Marks, Masked, Masking, Plan, Treatment};

use self::body::MaskedBody;
pub(super) use self::coding::{Coding, Decoder, narrow};
use super::refuse;
use crate::masks::RouteMasks;
use crate::snapshot::Snapshot;

/// The code of an answer that can't be masked.
pub const UNAVAILABLE: &str = "mask-unavailable";
/// The largest answer that is masked whole before its head goes out, by the length that the upstream announced.
const WHOLE: u64 = 64 * 1024;

/// What else the rules may ask about a caller.
#[derive(Clone, Copy, Default)]
pub struct Trust<'a> {
    /// The purposes to which she consented.
    pub consents: &'a [&'a str],
    /// The trust in her device.
    pub device: DeviceTrust,
    /// The risk score of the request.
    pub risk: u8,
}

/// What is owed on the answers of a route.
#[derive(Clone, Copy)]
pub struct Owing<'a> {
    masks: &'a RouteMasks,
    plan: Plan,
}

/// Whether the person consented to what the route does with her data.
pub fn consent(found: Option<&Found<'_>>, given: &[&str]) -> Decision {
    let Some(purposes) = found.map(|found| &found.route.rules.purposes).filter(|all| !all.is_empty()) else {
        return Decision::default();
    };
    match purposes.iter().find(|purpose| !given.contains(&&***purpose)) {
        None => Decision::allow(Control::Consent),
        Some(missing) => Decision::deny(
            Control::Consent,
            Denial::Forbidden,
            "consent-missing",
            format!("this needs your consent to `{missing}`; you can give it on your account page, `/account`"),
        ),
    }
}

/// What a caller may see of the answers of a route; nothing where there is nothing to mask.
pub fn plan<'a>(
    snapshot: &'a Snapshot,
    found: Option<&Found<'_>>,
    caller: Option<&Caller>,
    trust: &Trust<'_>,
) -> Option<Owing<'a>> {
    let masks = snapshot.masks.of(found?)?;
    let scopes: SmallVec<[&str; 8]> = caller.into_iter().flat_map(|caller| caller.scopes.iter()).collect();
    let roles: SmallVec<[&str; 8]> =
        caller.into_iter().flat_map(|caller| caller.roles.iter().map(String::as_str)).collect();
    let Trust { consents, device, risk } = *trust;
    let facts = Facts { scopes: &scopes, roles: &roles, consents, device, risk };
    Some(Owing { masks, plan: masks.policy.plan(&facts) })
}

impl Owing<'_> {
    /// The decision of this control: it was evaluated, and owes what is not shown plain.
    pub fn decide(&self) -> Decision {
        let decision = Decision::allow(Control::Masking);
        if self.touches() { decision.oblige(self.plan.obligation()) } else { decision }
    }

    fn touches(&self) -> bool {
        self.plan.touches(&self.masks.all)
            || self.masks.headers.iter().any(|(_, class)| self.plan.treated().has(*class))
    }

    fn tag(&self) -> head::Tag {
        head::Tag::new(&self.masks.fingerprint, &self.plan)
    }
}

/// The controls that must have answered: masking where the route has marks, consent where it names purposes.
pub fn required(owing: Option<&Owing<'_>>, found: Option<&Found<'_>>) -> ControlSet {
    let masking = owing.is_some_and(|owing| owing.masks.marked).then_some(Control::Masking);
    let consent = found.is_some_and(|found| !found.route.rules.purposes.is_empty()).then_some(Control::Consent);
    masking.into_iter().chain(consent).collect()
}

/// Makes the request one whose answer can be masked.
pub fn ask(owing: Option<&Owing<'_>>, outbound: &mut Outbound) {
    let headers = outbound.request.headers_mut();
    head::restore_tags(headers, owing.filter(|owing| owing.touches()).map(Owing::tag));
    let Some(owing) = owing.filter(|owing| owing.touches()) else { return };
    if owing.masks.marked {
        headers.remove(header::RANGE);
        headers.remove(header::IF_RANGE);
    }
    // The time of a change says nothing about who saw what of it.
    headers.remove(header::IF_MODIFIED_SINCE);
    coding::narrow(headers);
}

/// What became of the mask of one answer, for its event; nothing where none is owed.
#[derive(Clone, Default)]
pub struct Report(Option<Rc<RefCell<(Masked, Option<String>)>>>);

impl Report {
    /// One to be filled in.
    pub fn new() -> Report {
        Report(Some(Rc::default()))
    }

    fn set(&self, masked: Masked) {
        if let Some(report) = &self.0 {
            report.borrow_mut().0 = masked;
        }
    }

    fn fail(&self, why: &dyn std::fmt::Display) {
        if let Some(report) = &self.0 {
            report.borrow_mut().1 = Some(why.to_string());
        }
    }

    /// Facts for the event: how many values of which class were masked, and why the answer could not be.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        let Some(report) = &self.0 else { return Vec::new() };
        let report = report.borrow();
        let (masked, why) = &*report;
        let list = |count: &dyn Fn(DataClass) -> u64| {
            let all = DataClass::ALL.into_iter().filter(|class| count(*class) > 0);
            all.map(|class| format!("{class} {}", count(class))).collect::<Vec<_>>().join(", ")
        };
        let mut details = vec![
            ("masked", list(&|class| masked.marked(class))),
            ("masked-unmarked", list(&|class| masked.found(class))),
            ("mask-failed", why.clone().unwrap_or_default()),
        ];
        if masked.unread > 0 {
            details.push(("masked-unread", masked.unread.to_string()));
        }
        details.retain(|(_, text)| !text.is_empty());
        details
    }
}

/// What a client takes.
#[derive(Clone, Copy)]
pub struct Client {
    /// Only the head.
    headless: bool,
    gzip: bool,
}

impl Client {
    /// As its request says.
    pub fn of(parts: &http::request::Parts) -> Client {
        Client { headless: parts.method == Method::HEAD, gzip: coding::takes_gzip(&parts.headers) }
    }
}

/// Fulfils what is owed on an answer.
pub struct Fulfil<'a> {
    /// What was planned.
    pub owing: Option<Owing<'a>>,
    /// The configuration in force.
    pub snapshot: &'a Snapshot,
    /// What the client takes.
    pub client: Client,
    /// The request, for a refusal.
    pub request: RequestId,
    /// What becomes of it.
    pub report: &'a Report,
}

/// An answer whose head is settled.
pub enum Settled {
    /// As it is to be delivered.
    Ready(Response<ResponseBody>),
    /// Its body is masked as it passes.
    Masked(Box<Response<MaskedBody>>, RequestId),
}

impl Fulfil<'_> {
    fn withhold(&self, why: &str) -> (Settled, Decision) {
        self.report.fail(&why);
        (Settled::Ready(withheld(self.request, why)), denied(why))
    }

    /// The plan of the obligations, and the masks of the route that they are about.
    fn mask(&self, mut response: Response<UpstreamBody>, obligations: &BTreeSet<Obligation>) -> (Settled, Decision) {
        let owed = obligations.iter().filter_map(|owed| match owed {
            Obligation::Mask(items) => Some(Plan::from_obligation(items)),
            _ => None,
        });
        let owed = owed.reduce(|one, other| Ok(one?.and(&other?)));
        let plan = match owed {
            None => None,
            Some(Ok(plan)) => Some(plan),
            Some(Err(error)) => return self.withhold(&error.to_string()),
        };
        let Some(owing) = self.owing else {
            return match plan {
                Some(_) => self.withhold("the route has no marks to go by"),
                None => ready(response),
            };
        };
        let masks = owing.masks;
        if masks.marked {
            head::keep_private(response.headers_mut());
        }
        let Some(plan) = plan else { return ready(response) };
        let status = response.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return if masks.marked { self.withhold("another protocol can't be masked") } else { ready(response) };
        }
        let media = head::media_type(response.headers());
        let format = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let format = format.and_then(Format::from_media_type);
        let partial = status == StatusCode::PARTIAL_CONTENT || media == "multipart/byteranges";
        let bodyless = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || (response.body().is_end_stream() && !self.client.headless);
        let marks = match masks.answer(status.as_u16(), &media) {
            _ if bodyless => &masks.all,
            Some(marks) if !partial && (!plan.touches(marks) || (format.is_none() && is_clean(marks, &plan))) => {
                return self.only_head(&owing, &plan, response);
            }
            Some(marks) => marks,
            None => &masks.all,
        };
        if !bodyless {
            if partial && (masks.marked || format.is_some() || media == "multipart/byteranges") {
                return self.withhold("the backend answered with a part, which can't be masked");
            }
            if format.is_none() {
                return if masks.marked {
                    self.withhold("its media type is none that can be masked")
                } else {
                    ready(response)
                };
            }
        }
        let Some(coding) = Coding::of(response.headers()) else {
            return self.withhold("its content coding is none that can be read");
        };
        let keys = self.snapshot.mask_keys.clone();
        let masking = match Masking::new(Arc::clone(marks), plan, Some(keys)) {
            Ok(masking) => masking,
            Err(error) => return self.withhold(&error.to_string()),
        };
        head::mask_headers(&masking, &masks.headers, response.headers_mut());
        let announced = response.body().size_hint().exact();
        let gzip = coding != Coding::Identity && self.client.gzip;
        head::redo(&head::Tag::new(&masks.fingerprint, &plan), gzip, bodyless, response.headers_mut());
        let Some(format) = format.filter(|_| !bodyless && !self.client.headless) else { return ready(response) };
        let small = format == Format::Json && announced.is_some_and(|length| length <= WHOLE);
        let report = self.report.clone();
        let masked = response.map(|body| MaskedBody::new(body, coding, masking.masker(format), gzip, small, report));
        (Settled::Masked(Box::new(masked), self.request), Decision::default())
    }

    /// The body holds nothing that this plan touches; a marked header may.
    fn only_head(&self, owing: &Owing<'_>, plan: &Plan, mut response: Response<UpstreamBody>) -> (Settled, Decision) {
        let keys = self.snapshot.mask_keys.clone();
        match Masking::new(Arc::clone(&owing.masks.all), *plan, Some(keys)) {
            Ok(masking) => head::mask_headers(&masking, &owing.masks.headers, response.headers_mut()),
            Err(error) => return self.withhold(&error.to_string()),
        }
        ready(response)
    }
}

impl Settle<Response<UpstreamBody>> for Fulfil<'_> {
    type Settled = Settled;

    fn settle(self, response: Response<UpstreamBody>, obligations: &BTreeSet<Obligation>) -> (Settled, Decision) {
        self.mask(response, obligations)
    }
}

impl Settled {
    /// The answer to deliver. A small one is masked whole first, so that one that can't be masked is refused in order.
    pub async fn begin(self, settled: Decision) -> (Response<ResponseBody>, Decision) {
        let (response, request) = match self {
            Settled::Ready(response) => return (response, settled),
            Settled::Masked(response, request) => (*response, request),
        };
        let (mut parts, mut body) = response.into_parts();
        if !body.is_small() {
            return (Response::from_parts(parts, ResponseBody::boxed(body)), settled);
        }
        match body.collect().await {
            Ok(Some(whole)) => {
                parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(whole.len()));
                (Response::from_parts(parts, ResponseBody::from(whole)), settled)
            }
            Ok(None) => (Response::from_parts(parts, ResponseBody::boxed(body)), settled),
            Err(error) => {
                let why = "the backend's answer is broken, or no JSON";
                tracing::debug!(%error, "an answer could not be masked");
                (withheld(request, why), settled.and(denied(why)))
            }
        }
    }
}

fn ready(response: Response<UpstreamBody>) -> (Settled, Decision) {
    (Settled::Ready(response.map(ResponseBody::from)), Decision::default())
}

/// Whether nothing that the plan treats is marked there.
fn is_clean(marks: &Marks, plan: &Plan) -> bool {
    marks.classes().iter().all(|class| plan.treatment(class) == Treatment::Plain)
}

fn denied(why: &str) -> Decision {
    Decision::deny(Control::Masking, Denial::Unavailable, UNAVAILABLE, why.to_owned())
}

fn withheld(request: RequestId, why: &str) -> Response<ResponseBody> {
    let text = format!("the answer holds personal data that must be masked, and {why}");
    refuse::problem(StatusCode::BAD_GATEWAY, UNAVAILABLE, &text, request)
}
