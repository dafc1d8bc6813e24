//! What the documents show of the two TOML files is what is read.

use std::fs;
use std::path::Path;

use wasgi::config::Config;
use wasgi::manifest::{Limits, Settings};

use crate::support::guests::root;

fn document(name: &str) -> String {
    fs::read_to_string(root().join("host/docs").join(name)).unwrap()
}

/// The TOML that a document shows.
fn shown(document: &str) -> Vec<&str> {
    document.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Keys and defaults of a document's tables, where the default is a value: `key = default`.
fn defaults(document: &str) -> Vec<String> {
    let quoted = |cell: &str| Some(cell.trim().strip_prefix('`')?.strip_suffix('`')?.to_owned());
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (key, default) = (quoted(cells.next()?)?, quoted(cells.next()?)?);
        let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '.');
        let is_value = default.starts_with(['"', '[']) || default.parse::<u64>().is_ok() || default == "false";
        (is_key && is_value).then(|| format!("{key} = {default}"))
    };
    document.lines().filter_map(row).collect()
}

fn config(text: &str) -> Config {
    Config::parse(text, Path::new("")).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

fn manifest(text: &str) -> Settings {
    Settings::parse(text, &Limits::default()).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

#[test]
fn examples_are_accepted() {
    let (running, tenants, deploying) = (document("running.md"), document("tenants.md"), document("deploying.md"));
    for text in [shown(&running), shown(&tenants)].concat() {
        assert_ne!(config(text), Config::default(), "{text}");
    }
    for text in shown(&deploying) {
        assert_ne!(manifest(text), Settings::default(), "{text}");
    }
    assert!(shown(&running).len() + shown(&tenants).len() >= 3 && !shown(&deploying).is_empty());
}

#[test]
fn defaults_are_what_they_are_said_to_be() {
    let (running, deploying) = (defaults(&document("running.md")), defaults(&document("deploying.md")));
    assert!(running.len() >= 7 && deploying.len() >= 9, "{running:#?} {deploying:#?}");
    for line in running {
        assert_eq!(config(&line), Config::default(), "{line}");
    }
    for line in deploying {
        assert_eq!(manifest(&line), Settings::default(), "{line}");
    }
}
