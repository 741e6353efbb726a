//! HTML for people: the sign-in pages.
