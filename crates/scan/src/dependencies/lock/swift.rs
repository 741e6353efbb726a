//! `Package.resolved` of Swift packages: version 1 (`object.pins`), and 2 and 3 (`pins`).

use super::{Found, Wrong, named};
use crate::dependencies::tree::{self, Node};
use crate::dependencies::{Ecosystem, address};

pub(super) fn read(bytes: &[u8], found: &mut Found<'_>) -> Result<(), Wrong> {
    let root = tree::json(bytes)?;
    let version = root.required("version")?;
    let (pins, location) = match version {
        "1" => (root.get("object").ok_or_else(|| Wrong::malformed(root.line, "`object` is missing"))?, "repositoryURL"),
        "2" | "3" => (&root, "location"),
        other => return Err(Wrong::version(root.line, "Package.resolved", other)),
    };
    if pins.get("pins").is_none() {
        return Err(Wrong::malformed(pins.line, "`pins` is missing"));
    }
    for pin in pins.list("pins")? {
        add(pin, location, found)?;
    }
    Ok(())
}

fn add(pin: &Node, location: &str, found: &mut Found<'_>) -> Result<(), Wrong> {
    let state = pin.get("state").ok_or_else(|| Wrong::malformed(pin.line, "`state` is missing"))?;
    let address = pin.text_of(location).filter(|address| !address.is_empty());
    let name = match (pin.text_of("kind"), address) {
        (Some("registry"), _) | (_, None) => match pin.text_of("identity").or_else(|| pin.text_of("package")) {
            Some(identity) => identity.to_owned(),
            None => return Err(Wrong::malformed(pin.line, format!("`{location}` is missing"))),
        },
        (_, Some(address)) => address::name(address),
    };
    let (revision, branch) = (state.text_of("revision"), state.text_of("branch"));
    if let Some(address) = address {
        named(address, pin.line)?;
    }
    let (_, component) = found.add(Ecosystem::SwiftUrl, &name, state.text_of("version"), pin.line)?;
    component.origin = address.map(|address| match revision.or(branch) {
        Some(at) => format!("{address}#{at}"),
        None => address.to_owned(),
    });
    Ok(())
}
