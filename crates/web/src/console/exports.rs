//! Exports: where events go, and how far behind each target is.

use askama::Template;
use axum::extract::{Request, State};
use testudo_access::Permission;

use super::Console;
use super::desk::{Answer, Desk};
use super::disclosure::visible;
use super::layout::Layout;
use super::when::number;

#[derive(Template)]
#[template(path = "console/exports.html")]
struct Page {
    layout: Layout,
    targets: Vec<Line>,
}

struct Line {
    name: String,
    how: String,
    state: String,
    healthy: bool,
    cursor: String,
    behind: String,
}

pub(crate) async fn show(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::ConfigRead).await?;
    let targets = console.house.exports().into_iter().map(|target| Line {
        name: visible(&target.name),
        how: visible(&target.how),
        state: visible(&target.state),
        healthy: target.healthy,
        cursor: number(target.cursor),
        behind: number(target.behind),
    });
    let page = Page { layout: desk.layout("Exports", "/exports"), targets: targets.collect() };
    Ok(desk.page(&page))
}
