//! A writer of markup, in which only text and values of attributes can vary, and both are escaped.

use crate::report::text::clean;

/// Markup so far, and what is open in it.
pub(super) struct Markup {
    out: String,
    open: Vec<&'static str>,
}

impl Markup {
    pub(super) fn new() -> Markup {
        Markup { out: String::new(), open: Vec::new() }
    }

    /// Markup of our own.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.out.push_str(markup);
    }

    /// Our own style sheet.
    pub(super) fn style(&mut self, sheet: &'static str) {
        self.out.extend(["<style>", sheet, "</style>\n"]);
    }

    /// Begins an element.
    pub(super) fn open(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.tag(name, attributes);
        self.open.push(name);
        if is_block(name) {
            self.out.push('\n');
        }
    }

    /// Ends the element that began last.
    pub(super) fn close(&mut self) {
        if let Some(name) = self.open.pop() {
            self.end(name);
        }
    }

    /// An element with a text.
    pub(super) fn leaf(&mut self, name: &'static str, attributes: &[(&'static str, &str)], text: &str) {
        self.tag(name, attributes);
        self.text(text);
        self.end(name);
    }

    /// An element that has no content and no end.
    pub(super) fn void(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.tag(name, attributes);
        self.out.push('\n');
    }

    /// Text.
    pub(super) fn text(&mut self, text: &str) {
        escape(&mut self.out, &clean(text));
    }

    /// Several lines of text, for preformatted elements.
    pub(super) fn lines(&mut self, text: &str) {
        for (index, line) in text.trim_end().lines().enumerate() {
            if index > 0 {
                self.out.push('\n');
            }
            self.text(line);
        }
    }

    /// Paragraphs, in which text between backticks is code.
    pub(super) fn prose(&mut self, text: &str) {
        for paragraph in crate::report::text::paragraphs(text) {
            self.open("p", &[]);
            for (index, piece) in paragraph.split('`').enumerate() {
                match index % 2 {
                    _ if piece.is_empty() => {}
                    0 => self.text(piece),
                    _ => self.leaf("code", &[], piece),
                }
            }
            self.close();
        }
    }

    /// A link, if the address is `https`; else its text.
    pub(super) fn link(&mut self, address: &str) {
        if address.starts_with("https://") {
            self.leaf("a", &[("href", address), ("rel", "noopener noreferrer")], address);
        } else {
            self.text(address);
        }
    }

    /// Ends all that is open.
    pub(super) fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.out
    }

    fn tag(&mut self, name: &'static str, attributes: &[(&'static str, &str)]) {
        self.out.extend(["<", name]);
        for (attribute, value) in attributes {
            self.out.extend([" ", attribute, "=\""]);
            escape(&mut self.out, &clean(value));
            self.out.push('"');
        }
        self.out.push('>');
    }

    fn end(&mut self, name: &'static str) {
        self.out.extend(["</", name, ">"]);
        if is_block(name)
            || matches!(name, "p" | "li" | "h1" | "h2" | "h3" | "h4" | "dt" | "dd" | "title" | "text" | "rect")
        {
            self.out.push('\n');
        }
    }
}

/// What stands on lines of its own.
const fn is_block(name: &str) -> bool {
    matches!(
        name.as_bytes(),
        b"html"
            | b"head"
            | b"body"
            | b"header"
            | b"main"
            | b"footer"
            | b"section"
            | b"nav"
            | b"article"
            | b"details"
            | b"ul"
            | b"ol"
            | b"dl"
            | b"div"
            | b"table"
            | b"thead"
            | b"tbody"
            | b"tr"
            | b"svg"
            | b"g"
            | b"figure"
    )
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Old readers took it for a quote.
            '`' => out.push_str("&#96;"),
            _ => out.push(character),
        }
    }
}
