//! A writer of Dalvik executables for tests ("Dalvik executable format", versions 035 to 041).
//!
//! ```
//! use testudo_testkit::package::dex::{Dex, Value};
//!
//! let bytes = Dex::new()
//!     .class("Lcom/example/Vault;", |class| {
//!         class.source("Vault.java");
//!         class.constant("MODE", "Ljava/lang/String;", Value::string("AES/ECB/PKCS5Padding"));
//!         class.static_method("open", "()Ljavax/crypto/Cipher;", 1, |code| {
//!             code.line(12);
//!             code.sget(0, "Lcom/example/Vault;", "MODE", "Ljava/lang/String;");
//!             code.invoke_static("Ljavax/crypto/Cipher;", "getInstance", "(Ljava/lang/String;)Ljavax/crypto/Cipher;", &[0]);
//!             code.move_result_object(0);
//!             code.return_object(0);
//!         });
//!     })
//!     .build();
//! assert!(bytes.starts_with(b"dex\n035\0"));
//! ```
//!
//! Everything is named by descriptor; the writer makes the tables, sorts them, lays out the file and seals it. Jumps go to
//! labels. What can't be encoded stops the test with a word about it.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::missing_panics_doc,
    clippy::needless_for_each,
    reason = "a writer for tests stops where it is misused"
)]

mod class;
mod code;
mod layout;
mod operations;
mod pool;
mod value;

pub use class::{Class, Field, Method, access};
pub use code::Code;
pub use value::{Annotation, Value};

/// An executable in the making.
#[derive(Debug, Clone)]
pub struct Dex {
    version: u32,
    classes: Vec<Class>,
    strings: Vec<String>,
}

impl Default for Dex {
    fn default() -> Dex {
        Dex::new()
    }
}

impl Dex {
    /// An empty executable of version 035.
    pub fn new() -> Dex {
        Dex { version: 35, classes: Vec::new(), strings: Vec::new() }
    }

    /// Another version, 35 to 41.
    #[must_use]
    pub fn version(mut self, version: u32) -> Dex {
        self.version = version;
        self
    }

    /// Adds a public class that extends `java.lang.Object`, as `define` changes it.
    #[must_use]
    pub fn class(mut self, descriptor: &str, define: impl FnOnce(&mut Class)) -> Dex {
        let mut class = Class::new(descriptor);
        define(&mut class);
        self.classes.push(class);
        self
    }

    /// Adds a string that nothing uses.
    #[must_use]
    pub fn string(mut self, text: &str) -> Dex {
        self.strings.push(text.to_owned());
        self
    }

    /// The file.
    pub fn build(&self) -> Vec<u8> {
        Dex::container(std::slice::from_ref(self))
    }

    /// A container of version 041 with several executables, or one executable of any version.
    pub fn container(all: &[Dex]) -> Vec<u8> {
        assert!(all.len() == 1 || all.iter().all(|dex| dex.version >= 41), "only version 041 has containers");
        let mut bytes = Vec::new();
        let mut spans = Vec::new();
        for dex in all {
            let start = bytes.len();
            layout::write(dex, &mut bytes);
            spans.push(start..bytes.len());
        }
        for (dex, span) in all.iter().zip(spans) {
            layout::seal(&mut bytes, span, dex.version);
        }
        bytes
    }
}
