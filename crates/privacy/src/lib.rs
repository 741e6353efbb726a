//! Which data is personal, who may see how much of it, and the streaming masker.
