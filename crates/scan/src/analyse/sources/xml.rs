//! XML as sources have it, as the document that the readers of compiled XML take.

use std::convert::Infallible;

use testudo_body::xml::{Halt, Limits, Reader, Token, XmlError};
use testudo_package::xml::{ANDROID, Builder, Document};

/// The largest document.
pub(super) const MAX_BYTES: usize = 4 << 20;
const LIMITS: Limits =
    Limits { total: MAX_BYTES as u64, depth: 100, elements: 200_000, attributes: 256, markup: 256 << 10 };

/// What a manifest of sources leaves to the build.
#[derive(Clone, Default, Debug)]
pub(super) struct Build {
    /// The package's name.
    pub(super) package: Option<String>,
    /// The least API level.
    pub(super) min_sdk: Option<u32>,
    /// The one that the app is made for.
    pub(super) target_sdk: Option<u32>,
}

/// Reads a document. A manifest without API levels gets those of the build.
pub(super) fn document(bytes: &[u8], build: &Build) -> Result<Document<'static>, XmlError> {
    let mut builder = Builder::new();
    let (mut line, mut counted, mut depth) = (1u32, 0usize, 0usize);
    let (mut named, mut root_open) = (false, false);
    let levels = memchr::memmem::find(bytes, b"<uses-sdk").is_none();
    let mut give = |token: &Token<'_>| -> Result<(), Infallible> {
        // The name of the package is an attribute, so it stands before the first child.
        if root_open && !matches!(token, Token::Attribute { .. }) {
            root_open = false;
            if let Some(package) = build.package.clone().filter(|_| !named) {
                builder.attribute("", "package", None, package, None);
            }
            if levels {
                uses_sdk(&mut builder, build);
            }
        }
        match token {
            Token::BeginElement { name, span, .. } => {
                let passed = bytes.get(counted..span.start).unwrap_or_default();
                let lines = memchr::memchr_iter(b'\n', passed).count();
                line = line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
                counted = counted.max(span.start);
                let name = String::from_utf8_lossy(name);
                root_open = depth == 0 && name == "manifest";
                depth += 1;
                builder.open("", name.into_owned(), line);
            }
            Token::Attribute { name, value, namespace: false } => {
                let name = String::from_utf8_lossy(name);
                let (prefix, local) = name.split_once(':').unwrap_or(("", &name));
                named |= depth == 1 && local == "package";
                let value = String::from_utf8_lossy(&value.decode()).into_owned();
                let namespace = if prefix == "android" { ANDROID } else { prefix };
                builder.attribute(namespace.to_owned(), local.to_owned(), None, value, None);
            }
            Token::Text(text) => builder.text(String::from_utf8_lossy(&text.decode()).trim().to_owned()),
            Token::EndElement(_) => {
                depth = depth.saturating_sub(1);
                builder.close();
            }
            Token::Attribute { .. } | Token::Doctype(_) => {}
        }
        Ok(())
    };
    let mut reader = Reader::new(LIMITS);
    reader.push(bytes, &mut give).and_then(|()| reader.finish(&mut give)).map_err(|halt| match halt {
        Halt::Xml(error) => error,
        Halt::Visitor(never) => match never {},
    })?;
    Ok(builder.finish())
}

fn uses_sdk(builder: &mut Builder<'static>, build: &Build) {
    builder.open("", "uses-sdk", 0);
    for (name, level) in [("minSdkVersion", build.min_sdk), ("targetSdkVersion", build.target_sdk)] {
        if let Some(level) = level {
            builder.attribute(ANDROID, name, None, level.to_string(), None);
        }
    }
    builder.close();
}
