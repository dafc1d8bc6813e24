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

/// What shows that a build asked for a compiler, in the words of setuptools, meson and cargo.
const COMPILERS: &[&str] = &[
    "command 'false' failed",
    "Command '['false'",
    "`false -vV`",
    "Unknown compiler(s)",
    "Unable to get gcc pre-processor defines",
];

/// How the names of compilers end, and of what stands in for them here.
const COMPILER_NAMES: &[&str] = &["cc", "c++", "g++", "clang", "false"];

/// Why pip failed, from all that it said.
pub(super) fn of(said: &str, lines: &[Line]) -> String {
    if let Some(wanted) = after(said, "No matching distribution found for ") {
        return unsatisfiable(wanted, said, lines);
    }
    if let Some(failed) = failed_build(said) {
        return unbuildable(failed, said, lines);
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
    format!(
        "{} needs native code, and a component runs pure Python only: leave it out, or use a package or a version of it in pure Python{}",
        traced(package, said, lines),
        instead(package)
    )
}

/// That a package has no wheel, and no wheel can be made of it.
fn unbuildable(package: &str, said: &str, lines: &[Line]) -> String {
    let compiles = |line: &str| COMPILERS.iter().any(|sign| line.contains(sign)) || failed_command(line);
    if said.lines().any(compiles) || !instead(package).is_empty() {
        return native(package, said, lines);
    }
    format!("{} can't be built from its sources (pip's messages are above)", traced(package, said, lines))
}

/// Whether a line is what setuptools says of a command of the build that failed. Where that is not there, it may be a
/// compiler or any other program.
fn failed_command(line: &str) -> bool {
    let Some((command, how)) = line.split_once("error: command '").and_then(|(_, rest)| rest.split_once('\'')) else {
        return false;
    };
    !how.trim_end().ends_with("No such file or directory") || COMPILER_NAMES.iter().any(|name| command.ends_with(name))
}

/// A package, with the place where it is asked for and by what.
fn traced(package: &str, said: &str, lines: &[Line]) -> String {
    match asked(package, said, lines) {
        Some((line, chain)) if chain.len() > 1 => {
            format!("{}{}, which {} requires,", place(Some(line)), chain[0], chain[1..].join(", required by "))
        }
        Some((line, chain)) => format!("{}{}", place(Some(line)), chain[0]),
        None => package.to_owned(),
    }
}

/// What there is instead of a package, to end a message with.
fn instead(package: &str) -> String {
    let package = normal(package);
    INSTEAD.iter().find(|(name, _)| *name == package).map_or_else(String::new, |(_, text)| format!(" ({text})"))
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
        None | Some("none") => format!(
            "there is no pure-Python wheel and no sources of it (native code?), or no such package{}",
            instead(name)
        ),
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
    if let Some(failed) = after(said, "ERROR: Failed to build '") {
        return failed.split_once("' when ").map(|(name, _)| name);
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
        assert_eq!(
            of(said, &lines(&["nosuch"])),
            "requirements.txt:1: nothing satisfies nosuch: there is no pure-Python wheel and no sources of it (native code?), or no such package"
        );
        let said = "Looking in links: /opt/wheels\nERROR: Could not find a version that satisfies the requirement psycopg2-binary>=2 (from versions: none)\nERROR: No matching distribution found for psycopg2-binary>=2";
        let told = of(said, &lines(&["psycopg2-binary>=2"]));
        assert!(told.ends_with("or no such package (a component reaches no database server)"), "{told}");
    }

    #[test]
    fn a_failed_build_is_traced_to_who_asked_for_it() {
        let compiler = "      error: Command '['false', '-Wall', '-c', 'x.c']' returned non-zero exit status 1.\n";
        let said = "Collecting shop (from -r /x/requirements.txt (line 1))\nCollecting numpy>=2 (from shop->-r /x/requirements.txt (line 1))\n  Building wheel\n  ERROR: Failed building wheel for numpy\nFailed to build numpy";
        let told = of(&format!("{compiler}{said}"), &lines(&["Shop>=1"]));
        assert!(told.starts_with("requirements.txt:1: numpy, which shop requires, needs native code"), "{told}");
        let said =
            "error: metadata-generation-failed\n\n× Encountered error while generating package metadata.\n╰─> numpy\n";
        let meson = "      ../meson.build:1:0: ERROR: Unable to get gcc pre-processor defines:\n";
        let cargo = "      error: process didn't exit successfully: `false -vV` (exit status: 1)\n";
        let failed = "      error: command '/usr/bin/false' failed with exit code 1\n";
        let missing = "      error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory\n";
        for sign in [compiler, meson, cargo, failed, missing] {
            let told = of(&format!("{sign}{said}"), &lines(&["numpy"]));
            assert!(told.starts_with("requirements.txt:1: numpy needs native code"), "{told}");
        }
        for sign in ["", "      error: command 'git' failed: No such file or directory\n"] {
            assert_eq!(
                of(&format!("{sign}{said}"), &lines(&["numpy"])),
                "requirements.txt:1: numpy can't be built from its sources (pip's messages are above)"
            );
        }
    }

    #[test]
    fn sources_that_can_not_even_be_asked() {
        let said = |package: &str| {
            format!(
                "  × Getting requirements to build wheel did not run successfully.\n      Exception: Can not find valid pkg-config name.\n      [end of output]\n  \n  note: This error originates from a subprocess, and is likely not a problem with pip.\nERROR: Failed to build '{package}' when getting requirements to build wheel\n"
            )
        };
        for package in ["psycopg2", "mysqlclient"] {
            let told = of(&said(package), &lines(&[package]));
            assert!(told.starts_with(&format!("requirements.txt:1: {package} needs native code")), "{told}");
            assert!(told.ends_with("(a component reaches no database server)"), "{told}");
        }
        assert_eq!(
            of(&said("shop"), &lines(&["shop"])),
            "requirements.txt:1: shop can't be built from its sources (pip's messages are above)"
        );
        let told = of(&said("file:///My_Shop"), &lines(&["./My_Shop"]));
        assert_eq!(told, "file:///My_Shop can't be built from its sources (pip's messages are above)");
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
