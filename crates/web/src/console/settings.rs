//! Settings as they were read: what is in force, without secrets. They are changed in the file, and reloaded.

use askama::Template;
use axum::extract::{Request, State};
use testudo_access::Permission;

use super::Console;
use super::desk::{Answer, Desk};
use super::disclosure::visible;
use super::house::PosturePart;
use super::layout::Layout;

#[derive(Template)]
#[template(path = "console/settings.html")]
struct Page {
    layout: Layout,
    sections: Vec<(String, Vec<(String, String)>)>,
    off: Vec<PosturePart>,
}

pub(crate) async fn show(State(console): State<Console>, request: Request) -> Answer {
    let desk = Desk::open(&console, &request, Permission::ConfigRead).await?;
    let sections = console.house.settings().into_iter().map(|section| {
        let values = section.values.iter().map(|(key, value)| (visible(key), visible(value))).collect();
        (visible(&section.name), values)
    });
    let off = console.house.posture().parts.into_iter().filter(|part| part.why.is_some());
    let off = super::overview::shown(off.collect());
    let page = Page { layout: desk.layout("Settings", "/settings"), sections: sections.collect(), off };
    Ok(desk.page(&page))
}
