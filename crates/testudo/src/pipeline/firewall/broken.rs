//! Bytes that are no request: the rules see them as well, so that an event says what somebody tried.

use testudo_core::{Event, RequestId};
use testudo_crypto::random;
use testudo_gateway::Malformed;
use testudo_waf::Connection;

use super::{findings, head};
use crate::config::FirewallMode;
use crate::snapshot::Snapshot;

/// Shows the rules what came, as far as it can be read, and writes down what they found.
pub fn malformed(snapshot: &Snapshot, report: &Malformed, event: &mut Event) {
    let Some(firewall) = snapshot.firewall.as_ref().filter(|_| !report.raw_head.is_empty()) else { return };
    if firewall.routes.general().mode == FirewallMode::Off {
        return;
    }
    let request = RequestId::new(event.at, random::array());
    event.request = Some(request);
    let (client, server) = (report.peer.ip().to_string(), report.local.ip().to_string());
    let connection = Connection {
        client: &client,
        client_port: report.peer.port(),
        server: &server,
        server_port: report.local.port(),
    };
    let mut transaction = firewall.waf.open(&connection, &request.to_string(), event.at);
    let body = head::read(&mut transaction, &report.raw_head);
    transaction.request_head();
    if !body.is_empty() {
        transaction.request_body(body);
    }
    transaction.request_end();
    transaction.finish();
    if let Some(log) = &firewall.log {
        log.append(&transaction.log_lines());
    }
    if let Some(found) = findings(&mut transaction) {
        found.tell(event);
    }
}
