//! What leaves the house: events to other systems, and notices to people.
