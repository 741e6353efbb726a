//! Doing what a response says, and taking it back.

use std::sync::Arc;

use testudo_core::{Action, IncidentId, ResponseId};
use testudo_response::{By, Response};

use crate::actions::ActionError;
use crate::node::Node;

/// Actions that are done at the same time.
const AT_ONCE: usize = 16;

/// What became of an action.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is in force.
    Done {
        /// It was so before.
        was_so: bool,
    },
    /// It would hit ourselves, and waits for an administrator.
    Unconfirmed(String),
    /// It could not be done.
    Failed(String),
}

/// Does all of them, as many as possible at a time.
pub async fn all(node: &Arc<Node>, incident: IncidentId, responses: Vec<Response>) -> Vec<(ResponseId, Outcome)> {
    let mut waiting = responses.into_iter();
    let mut running = tokio::task::JoinSet::new();
    let mut done = Vec::new();
    loop {
        while running.len() < AT_ONCE {
            let Some(response) = waiting.next() else { break };
            let node = Arc::clone(node);
            running.spawn(async move { (response.id, one(&node, incident, &response, By::Machine).await) });
        }
        match running.join_next().await {
            None => return done,
            Some(Ok(outcome)) => done.push(outcome),
            Some(Err(error)) => tracing::error!(%error, "an action was cut off; it is done again"),
        }
    }
}

/// Does one of them. A person who allowed it means it.
pub async fn one(node: &Node, incident: IncidentId, response: &Response, by: By) -> Outcome {
    let was_so = was_so(node, &response.action);
    let reason = format!("incident {incident}, playbook {}", response.playbook);
    let (action, actor, context) = (response.action.clone(), by.actor(), node.context());
    let done = if by == By::Machine {
        node.perform(action, &actor, &reason, &context).await
    } else {
        node.perform_confirmed(action, &actor, &reason, &context).await
    };
    match done {
        Ok(()) => Outcome::Done { was_so },
        Err(ActionError::Unconfirmed(why)) => Outcome::Unconfirmed(why),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// Takes something back.
pub async fn undo(node: &Node, incident: IncidentId, action: Action, by: By, why: &str) -> Result<(), ActionError> {
    let reason = format!("incident {incident}: {why}");
    node.perform(action, &by.actor(), &reason, &node.context()).await
}

/// Whether somebody else had required the same before.
fn was_so(node: &Node, action: &Action) -> bool {
    match action {
        Action::RequireStepUp { person } => node.standing.owes_step_up(node.store.person_pseudonym(*person)).is_some(),
        _ => false,
    }
}
