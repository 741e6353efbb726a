//! Charts as SVG that the server draws: pictures of bounded series, each with a title and a description, and a table
//! beside it on the page. Colours come from the style sheet by class; nothing is styled in place.

#![expect(clippy::cast_precision_loss, reason = "pictures need no more digits than a float has")]

use std::fmt::Write as _;

/// One band of a stacked course.
pub(crate) struct Band<'a> {
    /// The class that colours it.
    pub(crate) class: &'static str,
    /// Its values, one a step.
    pub(crate) values: &'a [u64],
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 44.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;

/// Stacked bars over time. `labels` are the steps' times; a few of them are written below.
pub(crate) fn course(id: &str, title: &str, description: &str, labels: &[String], bands: &[Band<'_>]) -> String {
    let steps = labels.len().max(1);
    let sum = |step: usize| bands.iter().filter_map(|band| band.values.get(step)).sum::<u64>();
    let top = nice((0..steps).map(sum).max().unwrap_or(0));
    let (inner, tall) = (WIDTH - LEFT, HEIGHT - TOP - BOTTOM);
    let width = inner / steps as f64;
    let height = |value: u64| value as f64 / top as f64 * tall;
    let mut svg = open(id, title, description, WIDTH, HEIGHT, "chart");
    for line in 0..=4_u32 {
        let y = TOP + tall * f64::from(line) / 4.0;
        let value = top as f64 * f64::from(4 - line) / 4.0;
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            short(value)
        );
    }
    for step in 0..steps {
        let x = LEFT + width * step as f64;
        let mut y = TOP + tall;
        for band in bands {
            let value = band.values.get(step).copied().unwrap_or(0);
            if value == 0 {
                continue;
            }
            // What happened at all is seen, however little it was.
            let tall = height(value).max(1.5);
            y -= tall;
            let _ = write!(
                svg,
                "<rect class=\"{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" rx=\"1\"/>",
                band.class,
                x + width * 0.12,
                y.max(TOP),
                width * 0.76
            );
        }
    }
    let every = steps.div_ceil(6);
    for (step, label) in labels.iter().enumerate().step_by(every) {
        let x = LEFT + width * (step as f64 + 0.5);
        let _ = write!(
            svg,
            "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            HEIGHT - 6.0,
            escape(label)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// A small course without axes.
pub(crate) fn spark(class: &'static str, values: &[u64]) -> String {
    let (wide, tall) = (120.0, 32.0);
    let top = values.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = wide / (values.len().max(2) - 1) as f64;
    let point = |place: usize, value: u64| (step * place as f64, tall - 2.0 - value as f64 / top * (tall - 4.0));
    let mut line = String::new();
    for (place, value) in values.iter().enumerate() {
        let (x, y) = point(place, *value);
        let _ = write!(line, "{}{x:.1} {y:.1}", if place == 0 { "M" } else { "L" });
    }
    format!(
        "<svg class=\"spark {class}\" viewBox=\"0 0 {wide} {tall}\" preserveAspectRatio=\"none\" aria-hidden=\"true\" \
         focusable=\"false\"><path class=\"area\" d=\"{line}L{wide} {tall}L0 {tall}Z\"/><path class=\"line\" d=\"{line}\"/></svg>"
    )
}

/// A ring that is filled to a part of 100.
pub(crate) fn ring(id: &str, title: &str, description: &str, part: u8) -> String {
    let part = part.min(100);
    let around = 2.0 * std::f64::consts::PI * 52.0;
    let class = match part {
        0..=49 => "low",
        50..=79 => "middle",
        _ => "high",
    };
    let mut svg = open(id, title, description, 128.0, 128.0, "ring");
    let _ = write!(
        svg,
        "<circle class=\"track\" cx=\"64\" cy=\"64\" r=\"52\"/><circle class=\"fill {class}\" cx=\"64\" cy=\"64\" r=\"52\" \
         stroke-dasharray=\"{:.1} {around:.1}\" transform=\"rotate(-90 64 64)\"/>\
         <text class=\"score\" x=\"64\" y=\"70\" text-anchor=\"middle\">{part}</text>\
         <text class=\"tick\" x=\"64\" y=\"88\" text-anchor=\"middle\">of 100</text></svg>",
        around * f64::from(part) / 100.0
    );
    svg
}

/// A bar of a list, filled to its part of the largest.
pub(crate) fn bar(class: &'static str, value: u64, largest: u64) -> String {
    let wide = 100.0 * value as f64 / largest.max(1) as f64;
    format!(
        "<svg class=\"bar {class}\" viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\" \
         focusable=\"false\"><rect class=\"track\" width=\"100\" height=\"6\"/><rect class=\"fill\" width=\"{wide:.1}\" \
         height=\"6\"/></svg>"
    )
}

fn open(id: &str, title: &str, description: &str, wide: f64, tall: f64, class: &str) -> String {
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {wide} {tall}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\
         <title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc>",
        escape(title),
        escape(description)
    )
}

/// The next number that is good to read on an axis: 1, 2, 4, 8 or 10 times a power of ten.
fn nice(most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [4, 8, 10, 20] {
            let top = unit.saturating_mul(step);
            if top >= most {
                return top;
            }
        }
        unit = unit.saturating_mul(10);
        if unit == u64::MAX {
            return unit;
        }
    }
}

/// A number of an axis: `1.5k`.
fn short(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1e9 => (value / 1e9, "G"),
        value if value >= 1e6 => (value / 1e6, "M"),
        value if value >= 1e3 => (value / 1e3, "k"),
        value => (value, ""),
    };
    let text = format!("{value:.1}");
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

/// Text in markup.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_number_that_is_good_to_read() {
        for (most, top) in [(0, 4), (3, 4), (5, 8), (9, 10), (11, 20), (21, 40), (999, 1_000), (u64::MAX, u64::MAX)] {
            assert_eq!(nice(most), top, "{most}");
        }
        assert_eq!(short(1_500.0), "1.5k");
        assert_eq!(short(40.0), "40");
        assert_eq!(short(2_000_000.0), "2M");
    }

    #[test]
    fn charts_are_named_and_hold_no_foreign_markup() {
        let hostile = "<script>alert(1)</script>\" onload=\"x";
        let labels = vec![hostile.to_owned(), "02:10".to_owned()];
        let bands = [Band { class: "allowed", values: &[5, 0] }, Band { class: "refused", values: &[1, u64::MAX / 2] }];
        let svg = course("traffic", hostile, hostile, &labels, &bands);
        assert!(!svg.contains("<script") && !svg.contains("onload=\"x"), "{svg}");
        assert!(svg.contains("role=\"img\"") && svg.contains("<title id=\"traffic-title\">"));
        assert!(!svg.contains("style="), "{svg}");
        insta::assert_snapshot!(course(
            "t",
            "Requests",
            "By minute",
            &["02:10".into(), "02:11".into()],
            &[Band { class: "allowed", values: &[5, 2] }]
        ));
        insta::assert_snapshot!(ring("p", "Posture", "72 of 100", 72));
        assert!(spark("allowed", &[]).contains("<svg") && spark("allowed", &[1, 2]).contains("M0.0 16.0L120.0 2.0"));
        assert!(bar("refused", 5, 0).contains("width=\"500.0\"") || bar("refused", 1, 2).contains("width=\"50.0\""));
    }
}
