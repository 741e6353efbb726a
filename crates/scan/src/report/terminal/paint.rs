//! Lines of a terminal: inks, indentation, breaking at the width.

use testudo_core::Severity;

use crate::report::text::{width, wrap};

/// What a text looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ink {
    Plain,
    Strong,
    Soft,
    Code,
    Good,
    Wrong,
    Critical,
    High,
    Medium,
    Low,
    Told,
}

impl Ink {
    /// The ink of a severity.
    pub(crate) const fn of(severity: Severity) -> Ink {
        match severity {
            Severity::Critical => Ink::Critical,
            Severity::High => Ink::High,
            Severity::Medium => Ink::Medium,
            Severity::Low => Ink::Low,
            Severity::Informational => Ink::Told,
        }
    }

    /// Select Graphic Rendition of ECMA-48; colours are of the 16 that a person's theme sets.
    const fn code(self) -> &'static str {
        match self {
            Ink::Plain => "",
            Ink::Strong => "1",
            Ink::Soft => "2",
            Ink::Code | Ink::Told => "36",
            Ink::Good => "1;32",
            Ink::Wrong | Ink::High => "1;31",
            Ink::Critical => "1;97;41",
            Ink::Medium => "1;33",
            Ink::Low => "1;34",
        }
    }
}

/// The text so far.
pub(crate) struct Page {
    out: String,
    color: bool,
    columns: usize,
}

impl Page {
    pub(crate) fn new(color: bool, columns: usize) -> Page {
        Page { out: String::new(), color, columns }
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// An empty line, never two.
    pub(crate) fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A line of pieces, as long as they are.
    pub(crate) fn line(&mut self, pieces: &[(Ink, &str)]) {
        for (ink, text) in pieces {
            self.piece(*ink, text);
        }
        self.end();
    }

    /// A text of one ink, broken into lines and indented.
    pub(crate) fn words(&mut self, ink: Ink, text: &str, indent: usize) {
        self.labelled("", text, indent, 0, ink);
    }

    /// A label, then a text beside it: `Why   Because of ...`, its lines one under the other.
    pub(crate) fn labelled(&mut self, label: &str, text: &str, indent: usize, wide: usize, ink: Ink) {
        let room = self.columns.saturating_sub(indent + wide).max(20);
        for (index, line) in wrap(text, room).iter().enumerate() {
            if !line.is_empty() {
                let label = if index == 0 { label } else { "" };
                self.piece(Ink::Plain, &" ".repeat(indent));
                self.piece(Ink::Strong, label);
                self.piece(Ink::Plain, &" ".repeat(wide.saturating_sub(width(label))));
                self.piece(ink, line);
            }
            self.end();
        }
    }

    /// A heading with a line after it.
    pub(crate) fn rule(&mut self, ink: Ink, title: &str) {
        let dashes = self.columns.saturating_sub(width(title) + 4);
        let title = format!(" {title} ");
        self.line(&[(Ink::Soft, "──"), (ink, &title), (Ink::Soft, &"─".repeat(dashes))]);
    }

    fn piece(&mut self, ink: Ink, text: &str) {
        let code = ink.code();
        if !self.color || code.is_empty() || text.trim().is_empty() {
            self.out.push_str(text);
            return;
        }
        self.out.extend(["\u{1b}[", code, "m", text, "\u{1b}[0m"]);
    }

    fn end(&mut self) {
        let kept = self.out.trim_end_matches(' ').len();
        self.out.truncate(kept);
        self.out.push('\n');
    }

    pub(crate) fn finish(self) -> String {
        self.out
    }
}
