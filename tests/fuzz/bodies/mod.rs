//! What the fuzz targets do, as plain functions, so that a stable compiler runs them over the committed corpus too.
//!
//! A new target is a file here with a `run`, a line in [`ALL`], a directory of seeds `corpus/<name>`, and a
//! `fuzz_targets/<name>.rs` with its `[[bin]]`.

pub(crate) mod component;
pub(crate) mod environ;
pub(crate) mod head;
pub(crate) mod manifest;
pub(crate) mod route;
pub(crate) mod wire;

/// Takes any bytes, and panics if what was promised about them does not hold.
pub(crate) type Body = fn(&[u8]);

/// Each target by the name of its corpus.
pub(crate) const ALL: &[(&str, Body)] = &[
    ("component", component::run),
    ("environ", environ::run),
    ("head", head::run),
    ("manifest", manifest::run),
    ("route", route::run),
    ("wire", wire::run),
];
