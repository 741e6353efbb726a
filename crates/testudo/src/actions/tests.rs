//! Actions over a node without a server: what can't be done is said, what is done twice is done once, and what is over
//! needs no undoing. That each is felt by requests is in `tests/actions.rs`.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use testudo_core::{Action, Actor, BlockTarget, BuildId, DeviceId, IncidentId, LimitTarget, PersonId, Timestamp};

use super::ActionError;
use super::hold::LONGEST;
use crate::config::Config;
use crate::data::DataFolder;
use crate::node::Node;

const MINUTE: Duration = Duration::from_mins(1);

async fn node() -> (Arc<Node>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::open(&folder.path().join("data")).unwrap();
    (Node::open(Config::default(), data, None).await.unwrap(), folder)
}

async fn act(node: &Node, action: Action) -> Result<(), ActionError> {
    node.perform(action, &Actor::default(), "a test", &node.context()).await
}

fn network(text: &str) -> BlockTarget {
    BlockTarget::Network(text.parse().unwrap())
}

fn head(node: &Node) -> u64 {
    *node.store.head().borrow()
}

#[tokio::test]
async fn what_can_not_be_done_is_said_and_leaves_nothing() {
    let (node, _folder) = node().await;
    let person = PersonId::new(Timestamp::EPOCH, [1; 10]);
    let build = BuildId::new(Timestamp::EPOCH, [1; 10]);
    let device = || BlockTarget::Device(DeviceId::new(Timestamp::EPOCH, [1; 10]));
    let before = head(&node);
    let unsupported = [
        Action::Block { target: device(), duration: MINUTE },
        Action::Unblock { target: device() },
        Action::SuspendBuild { build },
        Action::ReinstateBuild { build },
        Action::Notify { channel: "security".into(), incident: IncidentId::new(Timestamp::EPOCH, [1; 10]) },
    ];
    for action in unsupported {
        assert!(matches!(act(&node, action.clone()).await, Err(ActionError::Unsupported(_))), "{action:?}");
    }
    let nobody = [
        Action::RevokePerson { person },
        Action::LockPerson { person },
        Action::UnlockPerson { person },
        Action::RequireStepUp { person },
        Action::WaiveStepUp { person },
        Action::ForcePasswordReset { person },
        Action::WaivePasswordReset { person },
        Action::DisableClient { client: "nobody".parse().unwrap() },
        Action::EnableClient { client: "nobody".parse().unwrap() },
    ];
    for action in nobody {
        assert!(act(&node, action.clone()).await.is_err(), "{action:?}");
    }
    let refused = [
        Action::TightenLimits { target: LimitTarget::Everyone, percent: 0, duration: MINUTE },
        Action::TightenLimits { target: LimitTarget::Everyone, percent: 100, duration: MINUTE },
        Action::TightenLimits { target: LimitTarget::Everyone, percent: 10, duration: Duration::ZERO },
        Action::TightenLimits { target: LimitTarget::Route("transfers".into()), percent: 10, duration: MINUTE },
        Action::RestrictRoutes { path: "transfers".into(), duration: MINUTE },
        Action::RestrictRoutes { path: "/transfers".into(), duration: LONGEST + MINUTE },
        Action::ReleaseRoutes { path: "no path".into() },
        Action::Block { target: network("203.0.113.0/24"), duration: Duration::ZERO },
    ];
    for action in refused {
        assert!(matches!(act(&node, action.clone()).await, Err(ActionError::Refused(_))), "{action:?}");
    }
    for own in ["127.0.0.0/8", "::1/128", "0.0.0.0/0", "::ffff:127.0.0.0/104", "2000::/3"] {
        let block = || Action::Block { target: network(own), duration: MINUTE };
        assert!(matches!(act(&node, block()).await, Err(ActionError::Unconfirmed(_))), "{own}");
    }
    assert_eq!(head(&node), before, "none of it is in the journal");
}

#[tokio::test]
async fn what_holds_is_done_once_lengthened_and_undone_once() {
    let (node, _folder) = node().await;
    let pairs = [
        (
            Action::Block { target: network("203.0.113.0/24"), duration: MINUTE },
            Action::Block { target: network("203.0.113.0/24"), duration: MINUTE * 9 },
        ),
        (
            Action::TightenLimits { target: LimitTarget::Everyone, percent: 10, duration: MINUTE },
            Action::TightenLimits { target: LimitTarget::Everyone, percent: 10, duration: MINUTE * 9 },
        ),
        (
            Action::RestrictRoutes { path: "/transfers".into(), duration: MINUTE },
            Action::RestrictRoutes { path: "/transfers/".into(), duration: MINUTE * 9 },
        ),
    ];
    for (short, long) in pairs {
        let undo = short.undo().unwrap_or_else(|| panic!("{short:?} has no undo"));
        let mut places = vec![head(&node)];
        // The undo of nothing, the act, a longer one, the shorter one again, the undo twice.
        for action in [undo.clone(), long.clone(), short.clone(), undo.clone(), undo] {
            act(&node, action).await.unwrap();
            places.push(head(&node));
        }
        let grown: Vec<u64> = places.windows(2).map(|pair| pair.last().unwrap() - pair.first().unwrap()).collect();
        assert_eq!(grown, [0, 1, 0, 1, 0], "{short:?}");
    }
    assert!(node.standing.blocks().is_empty() && node.standing.tightened().is_empty());
    assert!(node.standing.restricted().is_empty() && !node.limits.tightened().is_any());
}

#[tokio::test]
async fn limits_of_the_node_follow_the_journal_before_an_act_is_acknowledged() {
    let (node, _folder) = node().await;
    let target = LimitTarget::Network("203.0.113.0/24".parse().unwrap());
    act(&node, Action::TightenLimits { target: target.clone(), percent: 10, duration: MINUTE }).await.unwrap();
    assert!(node.limits.tightened().is_any());
    let again = node.limits.reconfigured(&testudo_limits::LimitsConfig::default()).unwrap();
    assert!(again.tightened().is_any(), "and under the next configuration");
    act(&node, Action::RestoreLimits { target }).await.unwrap();
    assert!(!node.limits.tightened().is_any());
}

#[tokio::test]
async fn an_owner_who_means_it_may_block_what_is_ours() {
    let (node, _folder) = node().await;
    let block = Action::Block { target: network("127.0.0.1/32"), duration: MINUTE };
    node.perform_confirmed(block, &Actor::default(), "meant", &node.context()).await.unwrap();
    assert_eq!(node.standing.blocks().len(), 1);
}
