//! The status for people: a table with aligned columns.

use std::io::{self, Write};

use crate::apps::AppKey;
use crate::deploy::{AppState, AppStatus, Listed, OneLine, Status};

const HEADS: [&str; 6] = ["APPLICATION", "VERSION", "STATE", "ROUTES", "REQUESTS", "ERRORS"];

/// Columns of numbers, which are aligned at their right.
const NUMBERS: std::ops::RangeInclusive<usize> = 4..=5;

/// Writes `status` to `out`; in `colour` where that is a terminal.
///
/// # Errors
/// Those of writing.
pub fn write_table(status: &Status, colour: bool, out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<_> = status.applications.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(HEADS.get(column).map(|head| head.len())).max().unwrap_or(0)
    };
    let widths: [usize; 6] = std::array::from_fn(width);
    if status.applications.is_empty() {
        writeln!(out, "no applications in {}", OneLine(&status.serving))?;
    } else {
        write_row(&HEADS.map(str::to_owned), &widths, colour.then_some("1"), out)?;
    }
    for (row, app) in rows.iter().zip(&status.applications) {
        write_row(row, &widths, shade(app.state).filter(|_| colour), out)?;
        if let Some(reason) = &app.reason {
            writeln!(out, "  refused: {}", OneLine(reason))?;
        }
    }
    for file in &status.ignored {
        writeln!(out, "ignored {}: {}", OneLine(&file.name), OneLine(&file.reason))?;
    }
    Ok(())
}

fn row(app: &AppStatus) -> [String; 6] {
    [
        AppKey { tenant: app.tenant.clone(), name: app.application.clone() }.to_string(),
        app.version.clone().unwrap_or_else(|| "-".to_owned()),
        named(app.state).to_owned(),
        if app.routes.is_empty() { "-".to_owned() } else { Listed(&app.routes).to_string() },
        app.requests.to_string(),
        app.errors.to_string(),
    ]
}

fn write_row(row: &[String; 6], widths: &[usize; 6], colour: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
        column if NUMBERS.contains(&column) => format!("{cell:>width$}"),
        _ => format!("{cell:<width$}"),
    });
    let line = cells.collect::<Vec<_>>().join("  ");
    match colour {
        Some(colour) => writeln!(out, "\x1b[{colour}m{}\x1b[0m", line.trim_end()),
        None => writeln!(out, "{}", line.trim_end()),
    }
}

fn named(state: AppState) -> &'static str {
    match state {
        AppState::Serving => "serving",
        AppState::Pending => "pending",
        AppState::ServingOld => "serving old",
        AppState::Refused => "refused",
    }
}

/// As terminals number their colours.
fn shade(state: AppState) -> Option<&'static str> {
    match state {
        AppState::Serving => None,
        AppState::Pending => Some("36"),
        AppState::ServingOld => Some("33"),
        AppState::Refused => Some("31"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apps::{AppName, TenantName};
    use crate::deploy::IgnoredFile;

    fn app(name: &str, state: AppState, routes: &[&str], reason: Option<&str>) -> AppStatus {
        AppStatus {
            application: AppName::new(name).unwrap(),
            tenant: TenantName::default(),
            version: (state != AppState::Refused).then(|| "3f2a9c1b".to_owned()),
            state,
            routes: routes.iter().map(|route| route.parse().unwrap()).collect(),
            requests: 12,
            errors: 0,
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn columns_are_aligned_and_reasons_told() {
        let status = Status {
            pid: 1,
            serving: "/apps".into(),
            applications: vec![
                app("hello", AppState::Serving, &["/hello"], None),
                app("shop", AppState::Refused, &[], Some("it is\na \x1b[2Jzip")),
            ],
            ignored: vec![IgnoredFile { name: "README".into(), reason: "why".into() }],
        };
        let mut plain = Vec::new();
        write_table(&status, false, &mut plain).unwrap();
        let expected = "\
APPLICATION  VERSION   STATE    ROUTES  REQUESTS  ERRORS
hello        3f2a9c1b  serving  /hello        12       0
shop         -         refused  -             12       0
  refused: it is a  [2Jzip
ignored README: why
";
        assert_eq!(String::from_utf8(plain).unwrap(), expected);
        let mut coloured = Vec::new();
        write_table(&status, true, &mut coloured).unwrap();
        assert!(String::from_utf8(coloured).unwrap().contains("\x1b[31mshop"));
    }
}
