//! The app's API as one model, read from OpenAPI 3.0 and 3.1.
