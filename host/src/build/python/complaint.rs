//! What pip complains of, in one line with the place where the package is asked for.

use super::dependencies::asked;
use super::requirements::{Line, normal};

/// What a package in native code can be replaced by, where that is known.
const INSTEAD: &[(&str, &str)] = &[
    ("psycopg2", "a component reaches no database server"),
    ("psycopg2-binary", "a component reaches no database server"),
    ("mysqlclient", "a component reaches no database server"),
    ("pydantic-core", "pydantic before version 2 is pure Python"),
    ("lxml", "html5lib and xml.etree are pure Python"),
    ("bcrypt", "the standard library has pbkdf2 and scrypt"),
    ("cryptography", "hashlib and hmac cover signing"),
    ("cffi", "a component has no ctypes"),
    ("orjson", "json is in the standard library"),
    ("ujson", "json is in the standard library"),
];

/// Why pip failed, from all that it said.
pub(super) fn of(said: &str, lines: &[Line]) -> String {
    if let Some(wanted) = after(said, "No matching distribution found for ") {
        return unsatisfiable(wanted, said, lines);
    }
    if let Some(failed) = failed_build(said) {
        return native(failed, said, lines);
    }
    if said.contains("ResolutionImpossible") {
        return conflict(said, lines);
    }
    if let Some(bad) = after(said, "Invalid requirement: ") {
        let bad = bad.trim_start_matches('\'');
        let line = lines.iter().find(|line| bad.starts_with(line.text.as_str()));
        return format!("{}not a requirement: {}", place(line), bad.replace('\'', ""));
    }
    let error = said.lines().rev().find_map(|line| line.trim().strip_prefix("ERROR: "));
    format!("the requirements can't be installed: pip says: {}", error.unwrap_or("nothing of use"))
}

/// That a package has native code, which runs on no guest.
pub(super) fn native(package: &str, said: &str, lines: &[Line]) -> String {
    let package = normal(package);
    let instead =
        INSTEAD.iter().find(|(name, _)| *name == package).map_or_else(String::new, |(_, text)| format!(" ({text})"));
    let (line, by) = match asked(&package, said, lines) {
        Some((line, chain)) if chain.len() > 1 => {
            (Some(line), format!(", which {} requires,", chain[1..].join(", required by ")))
        }
        Some((line, _)) => (Some(line), String::new()),
        None => (None, String::new()),
    };
    format!(
        "{}{package}{by} needs native code, and a component runs pure Python only: leave it out, or use a package or a version of it in pure Python{instead}",
        place(line)
    )
}

fn unsatisfiable(wanted: &str, said: &str, lines: &[Line]) -> String {
    let name = wanted.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).next().unwrap_or(wanted);
    let line = asked(name, said, lines).map(|(line, _)| line);
    if ["NewConnectionError", "Temporary failure in name resolution", "ConnectTimeoutError", "ProxyError"]
        .iter()
        .any(|sign| said.contains(sign))
    {
        return format!("{}{wanted} can't be fetched: the package index can't be reached", place(line));
    }
    let versions = after(said, "(from versions: ").and_then(|rest| rest.split(')').next()).unwrap_or("none");
    let found = match versions.rsplit(", ").next() {
        None | Some("none") => "the package index has none of that name for Python 3.14".to_owned(),
        Some(newest) => format!("the newest there is is {newest}"),
    };
    format!("{}nothing satisfies {wanted}: {found}", place(line))
}

fn conflict(said: &str, lines: &[Line]) -> String {
    let causes: Vec<&str> = said
        .lines()
        .skip_while(|line| !line.starts_with("The conflict is caused by:"))
        .skip(1)
        .take_while(|line| !line.trim().is_empty())
        .map(str::trim)
        .collect();
    let named = |line: &&Line| {
        let package = line.package();
        causes.iter().any(|cause| cause.split([' ', '=', '<', '>', '!', '~']).any(|word| Some(normal(word)) == package))
    };
    format!("{}the requirements contradict each other: {}", place(lines.iter().find(named)), causes.join(", but "))
}

/// The package whose sources could not be built.
fn failed_build(said: &str) -> Option<&str> {
    if let Some(name) = after(said, "ERROR: Failed building wheel for ") {
        return Some(name);
    }
    let metadata = said.split("metadata-generation-failed").nth(1)?;
    after(metadata, "\u{2570}\u{2500}> ")
}

/// The package that pip was collecting another one for.
pub(super) fn required_by(package: &str, said: &str) -> Option<String> {
    said.lines().find_map(|line| {
        let (wanted, by) = line.trim().strip_prefix("Collecting ")?.split_once(" (from ")?;
        let name = wanted.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).next()?;
        let by = by.trim_end_matches(')').split(['-', '>', ',', ' ', '(']).next()?;
        let by = by.split(['=', '<', '~', '!', '[']).next()?;
        (normal(name) == package && !by.is_empty()).then(|| normal(by))
    })
}

fn after<'a>(said: &'a str, mark: &str) -> Option<&'a str> {
    let rest = &said[said.find(mark)? + mark.len()..];
    Some(rest.lines().next().unwrap_or_default().trim())
}

fn place(line: Option<&Line>) -> String {
    line.map_or_else(String::new, |line| format!("{}:{}: ", line.file.display(), line.line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<Line> {
        let line =
            |(at, text): (usize, &&str)| Line { text: (*text).into(), file: "requirements.txt".into(), line: at + 1 };
        texts.iter().enumerate().map(line).collect()
    }

    #[test]
    fn nothing_satisfies() {
        let said = "ERROR: Could not find a version that satisfies the requirement flask==99 (from versions: 1.0, 3.1.3)\nERROR: No matching distribution found for flask==99";
        assert_eq!(
            of(said, &lines(&["jinja2", "Flask==99"])),
            "requirements.txt:2: nothing satisfies flask==99: the newest there is is 3.1.3"
        );
        let said = "ERROR: Could not find a version that satisfies the requirement nosuch (from versions: none)\nERROR: No matching distribution found for nosuch";
        assert!(of(said, &lines(&["nosuch"])).ends_with("has none of that name for Python 3.14"));
    }

    #[test]
    fn native_code_is_traced_to_who_asked_for_it() {
        let said = "Collecting shop (from -r /x/requirements.txt (line 1))\nCollecting numpy>=2 (from shop->-r /x/requirements.txt (line 1))\n  Building wheel\n  ERROR: Failed building wheel for numpy\nFailed to build numpy";
        let told = of(said, &lines(&["Shop>=1"]));
        assert!(told.starts_with("requirements.txt:1: numpy, which shop requires, needs native code"), "{told}");
        let said =
            "error: metadata-generation-failed\n\n× Encountered error while generating package metadata.\n╰─> numpy\n";
        assert!(of(said, &lines(&["numpy"])).starts_with("requirements.txt:1: numpy needs native code"));
    }

    #[test]
    fn contradictions() {
        let said = "ERROR: Cannot install flask==3.1.0 and werkzeug==1.0 because these package versions have conflicting dependencies.\n\nThe conflict is caused by:\n    The user requested werkzeug==1.0\n    flask 3.1.0 depends on Werkzeug>=3.1\n\nAdditionally\nERROR: ResolutionImpossible: for help";
        assert_eq!(
            of(said, &lines(&["x", "werkzeug==1.0"])),
            "requirements.txt:2: the requirements contradict each other: The user requested werkzeug==1.0, but flask 3.1.0 depends on Werkzeug>=3.1"
        );
    }

    #[test]
    fn no_requirement() {
        let said = "ERROR: Invalid requirement: 'flask==': Expected end or semicolon\n    flask==\n";
        assert_eq!(
            of(said, &lines(&["flask=="])),
            "requirements.txt:1: not a requirement: flask==: Expected end or semicolon"
        );
        assert!(of("ERROR: odd\nERROR: odder", &[]).ends_with("pip says: odder"));
    }
}
