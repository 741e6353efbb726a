//! Records, journal and counters behind one interface, on SQLite and PostgreSQL.
