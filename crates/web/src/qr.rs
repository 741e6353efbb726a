//! QR codes as inline SVG: one path, dark on white whatever the page's colours, with the quiet zone that scanners need.

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode};

/// Modules of white around the code (ISO/IEC 18004 section 6.3.8).
const QUIET: usize = 4;

/// The SVG of a text; none when it does not fit into a code.
pub(crate) fn svg(text: &str, label: &str) -> Option<String> {
    debug_assert!(
        label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == ' '),
        "goes into markup as is"
    );
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (row, modules) in code.to_colors().chunks(width).enumerate() {
        let mut column = 0;
        while let Some(color) = modules.get(column) {
            let run = modules.iter().skip(column).take_while(|next| *next == color).count();
            if *color == Color::Dark {
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", column + QUIET, row + QUIET);
            }
            column += run;
        }
    }
    let size = width + 2 * QUIET;
    Some(format!(
        r##"<svg viewBox="0 0 {size} {size}" role="img" aria-label="{label}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}h-{size}z"/><path fill="#000" d="{path}"/></svg>"##
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_dark_modules_are_those_of_the_code() {
        let text = "otpauth://totp/A:b?secret=GEZDGNBVGY3TQOJQ";
        let code = QrCode::with_error_correction_level(text, EcLevel::M).unwrap();
        let dark = code.to_colors().iter().filter(|color| **color == Color::Dark).count();
        let svg = svg(text, "QR code").unwrap();
        let runs: usize =
            svg.split('M').filter_map(|run| run.split_once('h')?.1.split_once("v1")?.0.parse::<usize>().ok()).sum();
        assert_eq!(runs, dark);
    }

    #[test]
    fn a_text_that_does_not_fit_gives_none() {
        assert_eq!(svg(&"x".repeat(5000), "QR code"), None);
    }
}
