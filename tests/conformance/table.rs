//! The table in the documentation and the tests that it names agree.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::guests;

/// A row's cells.
struct Row {
    number: String,
    duty: String,
    shown_by: String,
}

impl Row {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.shown_by.split('`').skip(1).step_by(2)
    }

    /// The reason why nothing shows it.
    fn open(&self) -> Option<&str> {
        self.shown_by.strip_prefix("Open: ")
    }
}

fn rows() -> Vec<Row> {
    let page = fs::read_to_string(guests::root().join("host/docs/conformance.md")).unwrap();
    let lines = page.lines().filter(|line| line.starts_with('|') && !line.starts_with("| ---"));
    let cells =
        lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    let rows = cells.map(|cells| {
        let [number, duty, shown_by] = cells.try_into().unwrap_or_else(|cells| panic!("not three cells: {cells:?}"));
        Row { number, duty, shown_by }
    });
    rows.filter(|row| row.duty != "Duty").collect()
}

/// `module::name` of every test of this suite.
fn tests() -> BTreeSet<String> {
    let folder = fs::read_dir(guests::root().join("tests/conformance")).unwrap().map(Result::unwrap);
    let sources = folder.map(|entry| (entry.file_name(), fs::read_to_string(entry.path()).unwrap()));
    let mut tests = BTreeSet::new();
    for (file, source) in sources {
        let module = file.to_str().unwrap().trim_end_matches(".rs").to_owned();
        let functions = source.split("\n#[test]\nfn ").skip(1);
        tests.extend(functions.map(|function| format!("{module}::{}", function.split('(').next().unwrap())));
    }
    tests
}

#[test]
fn every_duty_has_its_row() {
    let mut count = BTreeMap::new();
    for row in rows() {
        *count.entry(row.number).or_insert(0) += 1;
    }
    for number in 1..=44 {
        assert_eq!(count.get(&number.to_string()), Some(&1), "duty {number}");
    }
}

#[test]
fn every_row_has_a_test_or_a_reason() {
    let tests = tests();
    for row in rows() {
        let names: Vec<_> = row.names().collect();
        let reasoned = row.open().is_some_and(|reason| reason.len() > 20);
        assert!(names.is_empty() == reasoned, "{}: either tests or a reason", row.number);
        assert!(!row.duty.is_empty());
        for name in names {
            assert!(tests.contains(name), "{}: there is no test {name}", row.number);
        }
    }
}

#[test]
fn every_test_is_in_a_row() {
    let rows = rows();
    let named: BTreeSet<_> = rows.iter().flat_map(Row::names).collect();
    let unnamed: Vec<_> =
        tests().into_iter().filter(|test| !test.starts_with("table::") && !named.contains(test.as_str())).collect();
    assert!(unnamed.is_empty(), "no row of host/docs/conformance.md names these: {unnamed:#?}");
}

#[test]
fn every_guest_is_used() {
    let folders = ["tests/conformance", "tests/hostile", "tests/tenants"]
        .map(|folder| fs::read_dir(guests::root().join(folder)).unwrap());
    let sources = folders.into_iter().flatten().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let sources: String = sources.collect();
    let unused: Vec<_> = guests::all().keys().filter(|name| !sources.contains(&format!("{name:?}"))).collect();
    assert!(unused.is_empty(), "no test names these guests: {unused:?}");
    let files = fs::read_dir(guests::root().join("tests/guests/examples")).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<_> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(
        files,
        guests::all().keys().cloned().collect(),
        "each file is an [[example]] of tests/guests/Cargo.toml"
    );
}
