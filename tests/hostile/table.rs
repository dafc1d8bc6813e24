//! The documents' table of hazards and the tests that it names agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::guests::root;

/// How many hazards of each kind there are. Those that are left out are of what is not there yet: HTTP/2, names of
/// certificates, handing over a listener.
const KINDS: &[(&str, u32, &[u32])] =
    &[("G", 20, &[]), ("C", 17, &[]), ("T", 6, &[5]), ("D", 13, &[]), ("H", 12, &[2, 8])];

/// The suites whose tests may be named.
const SUITES: &[&str] = &["cli", "conformance", "deploys", "hostile", "tenants"];

/// Number and names of a row.
fn rows() -> Vec<(String, Vec<String>)> {
    let page = fs::read_to_string(root().join("host/docs/hazards.md")).unwrap();
    let lines =
        page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---") && !line.starts_with("| No."));
    lines
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [number, _, _, shown_by] = cells[..] else { panic!("not four cells: {cells:?}") };
            (number.to_owned(), shown_by.split('`').skip(1).step_by(2).map(str::to_owned).collect())
        })
        .collect()
}

/// Every test of a source, by its name.
fn tests_of(source: &str) -> impl Iterator<Item = String> {
    let marked = source.split("#[test]").skip(1).chain(source.split("#[tokio::test]").skip(1));
    let mut names: Vec<String> = Vec::new();
    for after in marked {
        if let Some((_, function)) = after.split_once("fn ") {
            names.extend(function.split('(').next().map(str::to_owned));
        }
    }
    names.into_iter()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `suite::module::name` of the suites' tests, `lib::name` of the host's own, `wire::name` of the checker's, `corpus::name`
/// of what the fuzz targets share.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for suite in SUITES {
        let mut files = Vec::new();
        sources(&root().join("tests").join(suite), &mut files);
        for file in files {
            let module = file.file_stem().unwrap().to_string_lossy().into_owned();
            let source = fs::read_to_string(&file).unwrap();
            tests.extend(tests_of(&source).map(|name| format!("{suite}::{module}::{name}")));
        }
    }
    let mut files = Vec::new();
    sources(&root().join("host/src"), &mut files);
    for file in files {
        tests.extend(tests_of(&fs::read_to_string(file).unwrap()).map(|name| format!("lib::{name}")));
    }
    for suite in ["corpus", "wire"] {
        let source = fs::read_to_string(root().join(format!("tests/{suite}.rs"))).unwrap();
        tests.extend(tests_of(&source).map(|name| format!("{suite}::{name}")));
    }
    tests
}

#[test]
fn every_hazard_has_its_row() {
    let mut count = BTreeMap::new();
    rows().into_iter().for_each(|(number, _)| *count.entry(number).or_insert(0) += 1);
    for (kind, last, missing) in KINDS {
        for number in (1..=*last).filter(|number| !missing.contains(number)) {
            assert_eq!(count.get(&format!("{kind}{number}")), Some(&1), "{kind}{number}");
        }
    }
}

#[test]
fn every_row_names_tests_that_are_there() {
    let tests = tests();
    for (number, names) in rows() {
        assert!(!names.is_empty(), "{number}: no test");
        for name in names {
            assert!(tests.contains(&name), "{number}: there is no test {name}");
        }
    }
}

#[test]
fn every_test_of_this_suite_is_in_a_row() {
    let named: BTreeSet<_> = rows().into_iter().flat_map(|(_, names)| names).collect();
    let own = tests().into_iter().filter(|name| name.starts_with("hostile::") && !name.starts_with("hostile::table::"));
    let unnamed: Vec<_> = own.filter(|name| !named.contains(name)).collect();
    assert!(unnamed.is_empty(), "no row of host/docs/hazards.md names these: {unnamed:#?}");
}
