//! Rate limits in a fixed-memory table, quotas, concurrency and strict sign-in counters.
