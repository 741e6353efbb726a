//! One program that secures a mobile app through its whole life.
