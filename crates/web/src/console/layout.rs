//! What every page of the console has: the menu, who is signed in, and a word about what was just done.

use askama::Template;
use testudo_access::Permission;
use testudo_core::RequestId;

use super::when::When;

/// The frame of a page.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) title: String,
    pub(crate) service: String,
    pub(crate) stylesheet: &'static str,
    pub(crate) script: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) menu: Vec<MenuItem>,
    pub(crate) name: String,
    pub(crate) csrf: String,
    pub(crate) notice: Option<&'static str>,
    pub(crate) observe: bool,
    pub(crate) now: When,
}

/// An entry of the menu.
#[derive(Clone, Debug)]
pub(crate) struct MenuItem {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) here: bool,
}

/// The pages, each with the permission that it needs, and its icon: the path of a 24 by 24 drawing in strokes.
const MENU: [(&str, &str, Permission, &str); 10] = [
    ("Overview", "/", Permission::AuditRead, "M3 13h7V3H3zM14 21h7V11h-7zM14 3v4h7V3zM3 17v4h7v-4z"),
    ("Live events", "/events", Permission::AuditRead, "M2 12h4l3-8 5 16 3-8h5"),
    ("Incidents", "/incidents", Permission::AuditRead, "M12 3 2 20h20ZM12 10v4M12 17v.01"),
    ("Detection", "/detection", Permission::AuditRead, "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM16 16l5 5"),
    ("People", "/people", Permission::PeopleRead, "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM4 21c0-4 4-6 8-6s8 2 8 6"),
    ("Limits and blocks", "/limits", Permission::LimitsRead, "M4 18a9 9 0 1 1 16 0M12 14l4-5"),
    ("Policies", "/policies", Permission::PolicyRead, "M6 3h9l4 4v14H6ZM9 11h7M9 15h7"),
    ("Audit", "/audit", Permission::AuditRead, "M12 3 4 6v6c0 5 4 8 8 9 4-1 8-4 8-9V6ZM8.500 12l2.500 2.500 4.500-5"),
    ("Exports", "/exports", Permission::ConfigRead, "M12 15V4M8 8l4-4 4 4M4 15v5h16v-5"),
    ("Settings", "/settings", Permission::ConfigRead, "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4"),
];

/// The menu of somebody who may see these pages.
pub(crate) fn menu(here: &str, may: impl Fn(Permission) -> bool) -> Vec<MenuItem> {
    MENU.iter()
        .filter(|(_, _, needs, _)| may(*needs))
        .map(|(name, path, _, icon)| MenuItem { name, path, icon, here: *path == here })
        .collect()
}

/// What was just done, by its name in the address: a closed list, so that an address can't put words on a page.
pub(crate) fn notice(done: &str) -> Option<&'static str> {
    Some(match done {
        "revoked" => "Done: what it gave ended, here at once and on other nodes within moments.",
        "locked" => "The account is locked and its sessions are over.",
        "unlocked" => "The account may sign in again.",
        "step-up" => "She must show a second factor before the next request.",
        "waived" => "It is no longer asked of her.",
        "reset" => "She must choose a new password at the next sign-in.",
        "blocked" => "The network is blocked.",
        "lifted" => "The measure is lifted.",
        "undone" => "The action is undone.",
        "approved" => "The action is approved and done.",
        "declined" => "The action will not be done.",
        "noted" => "Your note is in the timeline.",
        "task" => "The task is done.",
        "aware" => "The clock of 72 hours runs.",
        "closed" => "The incident is closed.",
        "client" => "The client is changed.",
        "verifying" => "The verification has begun; reload in a moment.",
        _ => return None,
    })
}

/// A page that says why not.
#[derive(Template)]
#[template(path = "console/refused.html")]
pub(crate) struct Refused {
    pub(crate) layout: Layout,
    pub(crate) text: String,
    pub(crate) request: RequestId,
}
