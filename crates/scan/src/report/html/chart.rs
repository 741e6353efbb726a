//! The picture: a bar for each group of MASVS, its parts the severities; and the same as a table.

use testudo_core::Severity;

use super::class;
use super::markup::Markup;
use crate::report::text::{count, counted, grouped};
use crate::report::{Counts, Tally};

/// The picture's width, the bars' left edge and their room, in its own units.
const WIDTH: u64 = 720;
const LEFT: u64 = 110;
const ROOM: u64 = 530;
/// The height of a row and of a bar.
const ROW: u64 = 30;
const BAR: u64 = 20;

pub(super) fn draw(page: &mut Markup, tally: &Tally) {
    if tally.groups.is_empty() {
        return;
    }
    page.open("figure", &[]);
    let height = ROW * count(tally.groups.len());
    let view = format!("0 0 {WIDTH} {height}");
    let attributes =
        [("viewBox", view.as_str()), ("role", "img"), ("aria-labelledby", "chart-title"), ("class", "chart")];
    page.open("svg", &attributes);
    let total = counted(tally.open.total(), "finding");
    page.leaf(
        "title",
        &[("id", "chart-title")],
        &format!("{total} by MASVS group and severity; the table below has the numbers"),
    );
    let most = tally.groups.iter().map(|(_, counts, _)| counts.total()).max().unwrap_or(0).max(1);
    for (row, (group, counts, _)) in tally.groups.iter().enumerate() {
        bar(page, group.title(), *counts, count(row) * ROW, most);
    }
    page.close();
    legend(page, tally.open);
    page.open("details", &[]);
    page.leaf("summary", &[], "The same as a table");
    table(page, tally);
    page.close();
    page.close();
}

fn bar(page: &mut Markup, name: &'static str, counts: Counts, top: u64, most: u64) {
    let middle = (top + ROW / 2).to_string();
    let bar_top = (top + (ROW - BAR) / 2).to_string();
    let (edge, high) = ((LEFT - 12).to_string(), BAR.to_string());
    page.leaf(
        "text",
        &[("x", &edge), ("y", &middle), ("class", "label"), ("text-anchor", "end"), ("dy", "0.35em")],
        name,
    );
    let mut left = LEFT;
    for severity in Severity::ALL.into_iter().rev() {
        let number = counts.of(severity);
        if number == 0 {
            continue;
        }
        // None is too thin to be seen.
        let wide = (ROOM * number / most).max(6);
        let (x, w) = (left.to_string(), (wide - 2).to_string());
        page.leaf(
            "rect",
            &[("x", &x), ("y", &bar_top), ("width", &w), ("height", &high), ("rx", "3"), ("class", class(severity))],
            "",
        );
        let text = grouped(number);
        if wide > 10 + 8 * count(text.len()) {
            let center = (left + (wide - 2) / 2).to_string();
            let attributes = [
                ("x", center.as_str()),
                ("y", &middle),
                ("class", "inside"),
                ("text-anchor", "middle"),
                ("dy", "0.35em"),
            ];
            page.leaf("text", &attributes, &text);
        }
        left += wide;
    }
    let (x, text) = match counts.total() {
        0 => (LEFT, "none".to_owned()),
        total => (left + 8, grouped(total)),
    };
    page.leaf("text", &[("x", &x.to_string()), ("y", &middle), ("class", "total"), ("dy", "0.35em")], &text);
}

fn legend(page: &mut Markup, open: Counts) {
    page.open("ul", &[("class", "legend"), ("aria-hidden", "true")]);
    for severity in Severity::ALL.into_iter().rev().filter(|severity| open.of(*severity) > 0) {
        page.leaf("li", &[("class", class(severity))], severity.name());
    }
    page.close();
}

fn table(page: &mut Markup, tally: &Tally) {
    page.open("table", &[("class", "numbers")]);
    page.open("thead", &[]);
    page.open("tr", &[]);
    page.leaf("th", &[("scope", "col")], "MASVS group");
    for severity in Severity::ALL.into_iter().rev() {
        page.leaf("th", &[("scope", "col")], severity.name());
    }
    page.leaf("th", &[("scope", "col")], "rules checked");
    page.close();
    page.close();
    page.open("tbody", &[]);
    for (group, counts, rules) in &tally.groups {
        page.open("tr", &[]);
        page.leaf("th", &[("scope", "row")], group.title());
        for severity in Severity::ALL.into_iter().rev() {
            page.leaf("td", &[], &grouped(counts.of(severity)));
        }
        page.leaf("td", &[], &grouped(*rules));
        page.close();
    }
    page.close();
    page.close();
}
