//! ZIP archives as hostile hands make them: central directory against local headers, duplicates, gaps, bombs.
