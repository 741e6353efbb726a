//! The table of resources of an Android package, `resources.arsc`.
