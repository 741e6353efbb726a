//! What the control plane does now and then: keys, retention, the health of upstreams.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use testudo_core::{Event, EventKind, Timestamp};
use testudo_gateway::CloseSignal;
use testudo_store::{PruneRequest, Tx};

use crate::node::Node;

const DAY: Duration = Duration::from_hours(24);

/// Rotates what is due and prunes what is old.
pub async fn once(node: &Node) {
    match node.identity().maintain_keys(&node.context()).await {
        Ok(true) => node.reload_keys().await,
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "the signing keys could not be looked after"),
    }
    if let Err(error) = node.identity().load_hash_cost().await {
        tracing::warn!(%error, "the cost of a password hash can't be read; the one before stays in force");
    }
    if let Err(error) = node.store.sweep().await {
        tracing::warn!(%error, "expired records could not be removed");
    }
    let now = u64::try_from(node.clock.monotonic().as_nanos()).unwrap_or(u64::MAX);
    node.limits.sweep(now);
    prune(node).await;
}

/// Measures what a password hash may cost here, once: the answer is kept in the store and holds for all nodes, until the
/// configuration names another target. It takes a second of one core, so it runs after readiness, and at the first start
/// the floor is in force until it ends.
pub async fn tune_hashes(node: &Node) {
    let target = node.config().identity.hash_target;
    let identity = node.identity();
    let kept = match identity.load_hash_cost().await {
        Ok(Some(kept)) if kept == target => return,
        Ok(_) => {
            let measured = tokio::task::spawn_blocking(move || testudo_crypto::password::tune(target)).await;
            let Ok(params) = measured else { return };
            let kept = identity.keep_hash_cost(params, target, &node.context()).await;
            let params = identity.hash_params();
            tracing::info!(memory_kib = params.memory_kib, passes = params.passes, "a password hash was measured");
            kept
        }
        Err(error) => Err(error),
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "the cost of a password hash can't be kept; it is measured again at the next start");
    }
}

/// Exports and prunes what retention says, by whole days.
async fn prune(node: &Node) {
    let config = node.config();
    let now = node.clock.now();
    let mut by_age: HashMap<Duration, Vec<EventKind>> = HashMap::new();
    for kind in EventKind::ALL {
        by_age.entry(config.retention_of(*kind)).or_default().push(*kind);
    }
    for (age, kinds) in by_age {
        let before = start_of_day(now.minus(age));
        let request = PruneRequest { before, kinds, export: node.data.path().join("pruned.jsonl") };
        match node.store.prune(&request).await {
            Ok(report) if report.entries > 0 => tracing::info!(entries = report.entries, "old journal entries pruned"),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "old journal entries could not be pruned"),
        }
    }
}

fn start_of_day(at: Timestamp) -> Timestamp {
    let day = i64::try_from(DAY.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.micros().div_euclid(day) * day)
}

/// Writes an event when an upstream goes down or comes back.
pub async fn watch_health(node: Arc<Node>, stop: CloseSignal) {
    let mut known: HashMap<String, bool> = HashMap::new();
    loop {
        tokio::select! {
            () = stop.closed() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        for status in node.snapshot().upstreams.status() {
            let before = known.insert(status.url.clone(), status.healthy).unwrap_or(true);
            if before == status.healthy {
                continue;
            }
            let kind = if status.healthy { EventKind::UpstreamUp } else { EventKind::UpstreamDown };
            tracing::warn!(url = %status.url, healthy = status.healthy, "the health of an upstream changed");
            let mut tx = Tx::new();
            tx.event(Event::new(kind, node.clock.now()).on(status.url));
            if let Err(error) = node.store.commit(tx).await {
                tracing::error!(%error, "an event could not be written to the journal");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use testudo_store::JournalFilter;

    use super::*;
    use crate::config::{self, Overrides};
    use crate::data::DataFolder;

    /// A node with this configuration over the data in the folder.
    async fn open(folder: &std::path::Path, config: &str) -> std::sync::Arc<Node> {
        let file = folder.join("testudo.toml");
        std::fs::write(&file, config).unwrap();
        let config = config::load(Some(&file), std::iter::empty(), &Overrides::default()).unwrap();
        Node::open(config, DataFolder::open(&folder.join("data")).unwrap(), None).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_cost_of_a_hash_is_measured_once_and_known_before_anything_is_hashed() {
        use testudo_crypto::password::Params;
        let folder = tempfile::tempdir().unwrap();
        let (target, kept) = (Duration::from_millis(1), Params { passes: 3, ..Params::FLOOR });
        let node = open(folder.path(), "[identity]\nhash-target = \"1ms\"\n").await;
        assert_eq!(node.identity().hash_params(), Params::FLOOR, "nothing was measured yet");
        node.identity().keep_hash_cost(kept, target, &node.context()).await.unwrap();
        node.store.close().await.unwrap();
        drop(node);

        let node = open(folder.path(), "[identity]\nhash-target = \"1ms\"\n").await;
        assert_eq!(node.identity().hash_params(), kept, "as a command finds it");
        tune_hashes(&node).await;
        assert_eq!(node.identity().hash_params(), kept, "it is not measured again");
        node.store.close().await.unwrap();
        drop(node);

        let node = open(folder.path(), "[identity]\nhash-target = \"2ms\"\n").await;
        tune_hashes(&node).await;
        assert_eq!(node.identity().hash_params(), Params::FLOOR, "for another target it is");
        assert_eq!(node.identity().load_hash_cost().await.unwrap(), Some(Duration::from_millis(2)));
        node.store.close().await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn each_kind_is_kept_as_long_as_the_configuration_says_and_then_exported() {
        let folder = tempfile::tempdir().unwrap();
        let retention = "[retention]\ndefault = \"10d\"\nkinds = { \"request.decided\" = \"2d\" }\n";
        let node = open(folder.path(), retention).await;
        let kinds = [EventKind::RequestDecided, EventKind::SignIn];
        let mut tx = Tx::new();
        for days in [11, 4, 1] {
            for kind in kinds {
                tx.event(Event::new(kind, node.clock.now().minus(DAY * days)).on(days.to_string()));
            }
        }
        node.store.commit(tx).await.unwrap();
        for _ in 0..2 {
            once(&node).await;
            let filter = JournalFilter { kinds: kinds.to_vec(), ..JournalFilter::default() };
            let left = node.store.read_journal(0, 100, &filter).await.unwrap();
            let left: Vec<_> = left
                .iter()
                .map(|entry| (entry.plain.kind, entry.plain.target.as_deref().unwrap_or_default()))
                .collect();
            assert_eq!(left, [(kinds[1], "4"), (kinds[0], "1"), (kinds[1], "1")]);
            let exported = std::fs::read_to_string(node.data.path().join("pruned.jsonl")).unwrap();
            assert_eq!(exported.lines().count(), 3, "each once");
        }
        let report = node.store.verify(None).await.unwrap();
        assert!(report.sound(), "{report:?}");
        assert_eq!(report.pruned.iter().map(|range| range.to - range.from + 1).sum::<u64>(), 3, "{report:?}");
        node.store.close().await.unwrap();
    }
}
