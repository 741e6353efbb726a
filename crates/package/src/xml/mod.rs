//! Android's binary XML.
