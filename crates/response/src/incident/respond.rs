//! The responses of an incident: planned, approved, done, undone, over.

use testudo_core::{Action, ResponseId, Timestamp};

use super::work::{WorkError, checked};
use super::{Incident, State};
use crate::{By, Happened, Response, ResponseState};

impl Incident {
    /// Takes in a response that was planned: one that waits, or one that is being done.
    pub fn respond(&mut self, response: Response) -> Result<(), WorkError> {
        if !self.is_open() {
            return Err(WorkError::Closed);
        }
        if self.responses.iter().any(|known| known.id == response.id) {
            return Ok(());
        }
        if self.responses.len() >= Incident::MAX_RESPONSES {
            return Err(WorkError::TooMany(self.responses.len(), "responses"));
        }
        if response.state == ResponseState::Proposed {
            let (id, action, why) = (response.id, response.action.name().to_owned(), response.reason.clone());
            self.record(response.planned, response.by, Happened::Proposed { response: id, action, why });
            self.state = State::Open;
        }
        self.responses.push(response);
        Ok(())
    }

    /// A second administrator allows what waits. It is then to be done, and reported with [`Incident::performed`] or
    /// [`Incident::failed`].
    pub fn approve(&mut self, id: ResponseId, by: By, now: Timestamp) -> Result<Action, WorkError> {
        if !self.is_open() {
            return Err(WorkError::Closed);
        }
        let response = self.waiting(id, "approved")?;
        if !response.may_be_approved_by(by) {
            return Err(WorkError::SamePerson);
        }
        response.state = ResponseState::Approved;
        response.approved = Some(by);
        response.until = None;
        let action = response.action.clone();
        self.record(now, by, Happened::Approved { response: id });
        Ok(action)
    }

    /// An administrator refuses what waits.
    pub fn decline(&mut self, id: ResponseId, why: &str, by: By, now: Timestamp) -> Result<(), WorkError> {
        let why = checked(why)?;
        let response = self.waiting(id, "declined")?;
        response.state = ResponseState::Declined;
        response.end(Some(why.clone()), by, now);
        self.record(now, by, Happened::Declined { response: id, why });
        self.settle(now);
        Ok(())
    }

    /// An action was done. `was_so` says that it was so before, so that nothing of it may be taken back.
    pub fn performed(&mut self, id: ResponseId, was_so: bool, now: Timestamp) -> Result<(), WorkError> {
        let response = self.find(id)?;
        if response.state != ResponseState::Approved {
            return Err(WorkError::State { state: response.state.name(), wanted: "performed" });
        }
        response.state = ResponseState::Performed;
        response.performed = Some(now);
        if was_so {
            response.undo = None;
            response.outcome = Some("it was so before".into());
        }
        // What can't be taken back has no end.
        let lasts = response.seconds.filter(|_| response.undo.is_some());
        response.until = lasts.map(|seconds| now.plus(std::time::Duration::from_secs(seconds)));
        let (by, action) = (response.approved.unwrap_or(response.by), response.action.name().to_owned());
        self.record(now, by, Happened::Performed { response: id, action });
        Ok(())
    }

    /// An action could not be done.
    pub fn failed(&mut self, id: ResponseId, why: &str, now: Timestamp) -> Result<(), WorkError> {
        let response = self.find(id)?;
        if response.state != ResponseState::Approved {
            return Err(WorkError::State { state: response.state.name(), wanted: "failed" });
        }
        let why: String = why.chars().filter(|c| !c.is_control()).take(300).collect();
        response.state = ResponseState::Failed;
        response.end(Some(why.clone()), By::Machine, now);
        let action = response.action.name().to_owned();
        self.record(now, By::Machine, Happened::Failed { response: id, action, why });
        self.state = self.state.min(State::Open);
        Ok(())
    }

    /// What takes a response back, if anything does and it is in force. It is then to be done, and reported with
    /// [`Incident::undone`].
    pub fn undo_of(&self, id: ResponseId) -> Result<Action, WorkError> {
        let response = self.response(id).ok_or_else(|| WorkError::NoResponse(id.to_string()))?;
        if response.state != ResponseState::Performed {
            return Err(WorkError::State { state: response.state.name(), wanted: "undone" });
        }
        response.undo.clone().ok_or(WorkError::NotUndoable(response.action.name()))
    }

    /// A person took a response back. The same is not done again in this incident unless a person wants it.
    pub fn undone(&mut self, id: ResponseId, why: &str, by: By, now: Timestamp) -> Result<(), WorkError> {
        let why = checked(why)?;
        self.undo_of(id)?;
        let response = self.find(id)?;
        response.state = ResponseState::Undone;
        response.end(Some(why.clone()), by, now);
        let action = response.action.name().to_owned();
        self.record(now, by, Happened::Undone { response: id, action, why });
        Ok(())
    }

    /// The responses whose time is over by `now`, with what must be done about each: nothing, where what is in force
    /// ends by itself.
    pub fn over(&self, now: Timestamp) -> Vec<(ResponseId, Option<Action>)> {
        let ends = |response: &&Response| {
            matches!(response.state, ResponseState::Performed | ResponseState::Proposed)
                && response.until.is_some_and(|until| until <= now)
        };
        let undo = |response: &Response| match (response.state, &response.action) {
            (ResponseState::Proposed, _)
            | (_, Action::Block { .. } | Action::TightenLimits { .. } | Action::RestrictRoutes { .. }) => None,
            _ => response.undo.clone(),
        };
        self.responses.iter().filter(ends).map(|response| (response.id, undo(response))).collect()
    }

    /// The time of a response is over, and what had to be done about that is done.
    pub fn expired(&mut self, id: ResponseId, now: Timestamp) -> Result<(), WorkError> {
        let response = self.find(id)?;
        if !matches!(response.state, ResponseState::Performed | ResponseState::Proposed) {
            return Err(WorkError::State { state: response.state.name(), wanted: "expired" });
        }
        let waited = response.state == ResponseState::Proposed;
        response.state = ResponseState::Expired;
        response.end(waited.then(|| "nobody approved it in time".to_owned()), By::Machine, now);
        let action = response.action.name().to_owned();
        self.record(now, By::Machine, Happened::Expired { response: id, action });
        Ok(())
    }

    /// Says when all that the alert at `place` led to at once was in force.
    pub fn acted(&mut self, place: u64, now: Timestamp) {
        if let Some(alerted) = self.alerts.iter_mut().rev().find(|alerted| alerted.place == place) {
            alerted.acted.get_or_insert(now);
        }
    }

    /// Contained, once something that contains is in force and nothing waits, runs or has failed.
    pub fn settle(&mut self, now: Timestamp) {
        let unsettled = |response: &Response| {
            matches!(response.state, ResponseState::Proposed | ResponseState::Approved | ResponseState::Failed)
        };
        let contains = |response: &Response| {
            response.state == ResponseState::Performed && !matches!(response.action, Action::Notify { .. })
        };
        let settled = !self.responses.iter().any(unsettled) && self.responses.iter().any(contains);
        if self.state == State::Open && settled {
            self.state = State::Contained;
            self.contained.get_or_insert(now);
            self.record(now, By::Machine, Happened::Contained);
        }
    }

    fn find(&mut self, id: ResponseId) -> Result<&mut Response, WorkError> {
        let found = self.responses.iter_mut().find(|response| response.id == id);
        found.ok_or_else(|| WorkError::NoResponse(id.to_string()))
    }

    fn waiting(&mut self, id: ResponseId, wanted: &'static str) -> Result<&mut Response, WorkError> {
        let response = self.find(id)?;
        if response.state != ResponseState::Proposed {
            return Err(WorkError::State { state: response.state.name(), wanted });
        }
        Ok(response)
    }
}

impl Response {
    fn end(&mut self, outcome: Option<String>, by: By, now: Timestamp) {
        self.ended = Some(now);
        self.ended_by = Some(by);
        if outcome.is_some() {
            self.outcome = outcome;
        }
    }
}
