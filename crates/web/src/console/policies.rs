//! Policies: what is in force, and what a change would do to the decisions of the last day.

use askama::Template;
use axum::extract::{Request, State};
use testudo_access::Permission;

use super::Console;
use super::desk::{Answer, Desk};
use super::disclosure::{lines, visible};
use super::house::{Change, DryRun};
use super::layout::Layout;
use super::when::{When, number};

/// The largest form with a candidate.
const LARGEST: usize = 512 * 1024;
/// The largest text of a policy file that the page shows.
const SHOWN: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "console/policies.html")]
struct Page {
    layout: Layout,
    files: Vec<File>,
    candidate: String,
    run: Option<Run>,
}

struct File {
    name: String,
    text: String,
    lines: usize,
}

struct Run {
    mistakes: Vec<String>,
    of_candidate: bool,
    looked_at: String,
    unknown: String,
    some_unknown: bool,
    cut: bool,
    since: Option<When>,
    allowed: String,
    refused: String,
    newly_refused: Vec<Line>,
    newly_allowed: Vec<Line>,
    refused_count: String,
    allowed_count: String,
}

struct Line {
    route: String,
    why: String,
    count: String,
    example: Option<String>,
}

pub(crate) async fn show(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::PolicyRead).await?;
    let page = page(&desk, "", None);
    Ok(desk.page(&page))
}

pub(crate) async fn dry_run(State(console): State<Console>, request: Request) -> Answer {
    let (desk, form) = Desk::posted(&console, request, Permission::PolicyRead, "/policies", LARGEST).await?;
    let text = form.text("candidate").replace("\r\n", "\n");
    let candidate = Some(text.clone()).filter(|text| !text.trim().is_empty());
    let of_candidate = candidate.is_some();
    let run = console.house.dry_run(candidate).await.map_err(|error| desk.trouble(&error))?;
    let page = page(&desk, &text, Some(view(run, of_candidate)));
    Ok(desk.page(&page))
}

fn page(desk: &Desk, candidate: &str, run: Option<Run>) -> Page {
    let file = |policy: super::PolicyText| File {
        lines: policy.text.lines().count(),
        name: visible(&policy.name),
        text: lines(&policy.text, SHOWN),
    };
    Page {
        layout: desk.layout("Policies", "/policies"),
        files: desk.console.house.policies().into_iter().map(file).collect(),
        candidate: lines(candidate, LARGEST),
        run,
    }
}

fn view(run: DryRun, of_candidate: bool) -> Run {
    let line = |change: Change| Line {
        route: visible(&change.route),
        why: visible(&change.why),
        count: number(change.count),
        example: change.example.filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')),
    };
    Run {
        mistakes: run.mistakes.iter().take(50).map(|mistake| visible(mistake)).collect(),
        of_candidate,
        looked_at: number(run.looked_at),
        unknown: number(run.unknown),
        some_unknown: run.unknown > 0,
        cut: run.cut,
        since: run.since.map(When::minute),
        allowed: number(run.same.0),
        refused: number(run.same.1),
        newly_refused: run.newly_refused.into_iter().map(line).collect(),
        newly_allowed: run.newly_allowed.into_iter().map(line).collect(),
        refused_count: number(run.changed.0),
        allowed_count: number(run.changed.1),
    }
}
