//! Audit: the log that everything stands in, its signed checkpoints, and proofs that it was not changed.

#![expect(clippy::struct_excessive_bools, reason = "each says one thing by itself")]

use std::fmt::Write as _;

use askama::Template;
use axum::extract::{Request, State};
use testudo_access::Permission;
use testudo_core::EventKind;

use super::Console;
use super::desk::{Answer, Desk, download};
use super::finder;
use super::house::HouseError;
use super::layout::Layout;
use super::query::EventQuery;
use super::row::Row;
use super::verification::Report;
use super::when::number;
use crate::form::LARGEST;

#[derive(Template)]
#[template(path = "console/audit.html")]
struct Page {
    layout: Layout,
    size: String,
    origin: String,
    waiting: usize,
    stalled: bool,
    external: bool,
    report: Option<Report>,
    acts: Vec<Row>,
    may_verify: bool,
    running: bool,
}

pub(crate) async fn show(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let status = console.store().status();
    let mut acts = Vec::new();
    for kind in [EventKind::AdminActed, EventKind::Disclosed] {
        let query = EventQuery { kind: Some(kind), ..EventQuery::default() };
        let found = finder::find(console.store(), &query, 8).await.map_err(|error| desk.unread(error))?;
        acts.extend(found.entries);
    }
    acts.sort_by_key(|entry| std::cmp::Reverse(entry.seq));
    acts.truncate(10);
    let report = console.verifications.last();
    let page = Page {
        layout: desk.layout("Audit", "/audit"),
        size: number(status.size),
        origin: console.store().origin().to_owned(),
        waiting: status.waiting,
        stalled: status.stalled,
        external: console.house.checkpoint_file().is_some_and(|file| file.exists()),
        running: report.as_ref().is_some_and(Report::is_running),
        report,
        acts: acts.iter().map(Row::of).collect(),
        may_verify: desk.may(Permission::AuditVerify),
    };
    Ok(desk.page(&page))
}

/// Starts a verification of the whole log, unless one runs.
pub(crate) async fn verify(State(console): State<Console>, request: Request) -> Answer {
    let (desk, _) = Desk::posted(&console, request, Permission::AuditVerify, "/audit", LARGEST).await?;
    if console.verifications.start(&console) {
        desk.commit(desk.event(EventKind::AdminActed).on("audit").detail("act", "audit-verify")).await?;
    }
    Ok(desk.visit.see("/audit?done=verifying"))
}

/// A signed checkpoint of the log as it is now, to be kept elsewhere.
pub(crate) async fn checkpoint(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let made = console.store().checkpoint().await;
    let made = made.map_err(|error| desk.trouble(&HouseError::Unavailable(error.to_string())))?;
    Ok(download(&format!("checkpoint-{}.txt", made.size), "text/plain; charset=utf-8", made.note.into_bytes()))
}

#[derive(Template)]
#[template(path = "console/proof.html")]
struct ProofPage {
    layout: Layout,
    fault: Option<&'static str>,
    proof: Option<Proof>,
}

struct Proof {
    seq: u64,
    size: u64,
    leaf: String,
    root: String,
    hashes: Vec<String>,
    holds: bool,
    row: Row,
}

/// That an entry is in the log: the hashes from its leaf to the root (RFC 9162, section 2.1.3).
pub(crate) async fn proof(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::AuditRead).await?;
    let given = desk.visit.param("seq").filter(|seq| !seq.trim().is_empty());
    let size = *console.store().head().borrow();
    let seq = given.as_deref().and_then(|seq| seq.trim().parse::<u64>().ok()).filter(|seq| *seq < size);
    let fault = (given.is_some() && seq.is_none()).then_some("There is no entry with this number.");
    let proof = match seq {
        Some(seq) => Some(prove(&console, seq, size).await.map_err(|error| desk.unread(error))?).flatten(),
        None => None,
    };
    if proof.as_ref().is_some_and(|_| desk.visit.param("format").as_deref() == Some("text"))
        && let Some(proof) = &proof
    {
        let mut text = format!("entry {}\nsize {}\nleaf {}\nroot {}\n", proof.seq, proof.size, proof.leaf, proof.root);
        for hash in &proof.hashes {
            let _ = writeln!(text, "hash {hash}");
        }
        return Ok(download(&format!("inclusion-{}.txt", proof.seq), "text/plain; charset=utf-8", text.into_bytes()));
    }
    let page = ProofPage { layout: desk.layout("Proof of an entry", "/audit"), fault, proof };
    Ok(desk.page(&page))
}

async fn prove(console: &Console, seq: u64, size: u64) -> Result<Option<Proof>, testudo_store::ReadError> {
    let store = console.store();
    let filter = testudo_store::JournalFilter { newest_below: Some(seq + 1), ..Default::default() };
    let Some(entry) = store.read_journal(seq, 1, &filter).await?.into_iter().next() else { return Ok(None) };
    let hashes = store.inclusion_proof(seq, size).await?;
    let root = store.root_at(size).await?;
    Ok(Some(Proof {
        seq,
        size,
        holds: testudo_store::merkle::verify_inclusion(seq, size, &entry.leaf, &hashes, &root).is_ok(),
        leaf: hex(&entry.leaf),
        root: hex(&root),
        hashes: hashes.iter().map(hex).collect(),
        row: Row::of(&entry),
    }))
}

/// A hash in lower-case hex.
pub(crate) fn hex(hash: &[u8; 32]) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
