//! The status for people: tables with aligned columns.

use std::fmt::Display;
use std::io::{self, Write};

use crate::apps::AppKey;
use crate::deploy::{AppState, AppStatus, Listed, OneLine, Status, TenantStatus};
use crate::units::ByteSize;

const APPS: Columns<7> = Columns {
    heads: ["APPLICATION", "VERSION", "STATE", "ROUTES", "REQUESTS", "ERRORS", "CPU"],
    numbers: [false, false, false, false, true, true, true],
};

const TENANTS: Columns<8> = Columns {
    heads: ["TENANT", "APPLICATIONS", "IN FLIGHT", "WAITING", "CPU", "MEMORY", "REFUSED", "LINES DROPPED"],
    numbers: [false, true, true, true, true, true, true, true],
};

/// The columns of a table: their names, and which hold numbers, that are aligned at their right.
struct Columns<const N: usize> {
    heads: [&'static str; N],
    numbers: [bool; N],
}

/// Writes `status` to `out`; in `colour` where that is a terminal.
///
/// # Errors
/// Those of writing.
pub fn write_table(status: &Status, colour: bool, out: &mut impl Write) -> io::Result<()> {
    let rows: Vec<_> = status.applications.iter().map(row).collect();
    let widths = APPS.widths(&rows);
    if status.applications.is_empty() {
        writeln!(out, "no applications in {}", OneLine(&status.serving))?;
    } else {
        APPS.write_heads(&widths, colour, out)?;
    }
    for (row, app) in rows.iter().zip(&status.applications) {
        APPS.write_row(row, &widths, shade(app.state).filter(|_| colour), out)?;
        if let Some(reason) = &app.reason {
            writeln!(out, "  refused: {}", OneLine(reason))?;
        }
        for capped in &app.capped {
            writeln!(out, "  {} is {}, not {}", capped.key, capped.given, capped.asked)?;
        }
    }
    for file in &status.ignored {
        writeln!(out, "ignored {}: {}", OneLine(&file.name), OneLine(&file.reason))?;
    }
    write_tenants(&status.tenants, colour, out)
}

/// Nothing where there is nobody but the operator.
fn write_tenants(tenants: &[TenantStatus], colour: bool, out: &mut impl Write) -> io::Result<()> {
    if tenants.iter().all(|one| one.tenant.is_default()) {
        return Ok(());
    }
    let rows: Vec<_> = tenants.iter().map(tenant_row).collect();
    let widths = TENANTS.widths(&rows);
    writeln!(out)?;
    TENANTS.write_heads(&widths, colour, out)?;
    rows.iter().try_for_each(|row| TENANTS.write_row(row, &widths, None, out))
}

fn row(app: &AppStatus) -> [String; 7] {
    [
        AppKey { tenant: app.tenant.clone(), name: app.application.clone() }.to_string(),
        app.version.clone().unwrap_or_else(|| "-".to_owned()),
        named(app.state).to_owned(),
        if app.routes.is_empty() { "-".to_owned() } else { Listed(&app.routes).to_string() },
        app.requests.to_string(),
        app.errors.to_string(),
        seconds(app.cpu_us),
    ]
}

fn tenant_row(tenant: &TenantStatus) -> [String; 8] {
    // What is not limited is not counted.
    let in_flight = tenant.most_in_flight.map_or("-".to_owned(), |most| of(tenant.in_flight, Some(most)));
    [
        tenant.tenant.to_string(),
        of(tenant.applications, tenant.most_applications),
        in_flight,
        tenant.queued.to_string(),
        seconds(tenant.cpu_us),
        of(mebibytes(tenant.memory + tenant.code), tenant.most_memory.map(ByteSize)),
        tenant.refused.to_string(),
        tenant.dropped_lines.to_string(),
    ]
}

/// CPU to a hundredth of a second.
fn seconds(micros: u64) -> String {
    format!("{}.{:02}s", micros / 1_000_000, micros / 10_000 % 100)
}

fn of(used: impl Display, most: Option<impl Display>) -> String {
    most.map_or(used.to_string(), |most| format!("{used} of {most}"))
}

/// Rounded up: what is there is never shown as nothing.
fn mebibytes(bytes: u64) -> ByteSize {
    ByteSize(bytes.div_ceil(1 << 20) << 20)
}

impl<const N: usize> Columns<N> {
    fn widths(&self, rows: &[[String; N]]) -> [usize; N] {
        std::array::from_fn(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(self.heads.get(column).map(|head| head.len())).max().unwrap_or(0)
        })
    }

    fn write_heads(&self, widths: &[usize; N], colour: bool, out: &mut impl Write) -> io::Result<()> {
        self.write_row(&self.heads.map(str::to_owned), widths, colour.then_some("1"), out)
    }

    fn write_row(
        &self,
        row: &[String; N],
        widths: &[usize; N],
        colour: Option<&str>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let cells = row.iter().zip(widths).zip(self.numbers).map(|((cell, width), number)| match number {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        match colour {
            Some(colour) => writeln!(out, "\x1b[{colour}m{}\x1b[0m", line.trim_end()),
            None => writeln!(out, "{}", line.trim_end()),
        }
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
    use crate::deploy::{CodeCounts, IgnoredFile};
    use crate::manifest::Capped;

    fn app(name: &str, state: AppState, routes: &[&str], reason: Option<&str>) -> AppStatus {
        AppStatus {
            application: AppName::new(name).unwrap(),
            tenant: TenantName::default(),
            version: (state != AppState::Refused).then(|| "3f2a9c1b".to_owned()),
            state,
            routes: routes.iter().map(|route| route.parse().unwrap()).collect(),
            requests: 12,
            errors: 0,
            cpu_us: 1_234_567,
            reason: reason.map(str::to_owned),
            capped: Vec::new(),
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
            tenants: Vec::new(),
            code: CodeCounts::default(),
            ignored: vec![IgnoredFile { name: "README".into(), reason: "why".into() }],
        };
        let mut plain = Vec::new();
        write_table(&status, false, &mut plain).unwrap();
        let expected = "\
APPLICATION  VERSION   STATE    ROUTES  REQUESTS  ERRORS    CPU
hello        3f2a9c1b  serving  /hello        12       0  1.23s
shop         -         refused  -             12       0  1.23s
  refused: it is a  [2Jzip
ignored README: why
";
        assert_eq!(String::from_utf8(plain).unwrap(), expected);
        let mut coloured = Vec::new();
        write_table(&status, true, &mut coloured).unwrap();
        assert!(String::from_utf8(coloured).unwrap().contains("\x1b[31mshop"));
    }

    #[test]
    fn tenants_are_told_with_what_they_may_have() {
        let (key, asked, given) = ("limits.memory".to_owned(), "1GiB".to_owned(), "128MiB".to_owned());
        let mut shop = app("shop", AppState::Serving, &["/acme/shop"], None);
        shop.tenant = TenantName::new("acme").unwrap();
        shop.capped = vec![Capped { key, asked, given }];
        let tenant = |name: &str, most: Option<u32>| TenantStatus {
            tenant: TenantName::new(name).unwrap(),
            applications: 1,
            most_applications: most,
            in_flight: most.map_or(0, |_| 3),
            most_in_flight: most,
            queued: 2,
            cpu_us: 65_000_000,
            most_cpu_us_per_second: None,
            weight: 100,
            memory: 5 << 20 | 1,
            code: 0,
            most_memory: most.map(|_| 512 << 20),
            refused: 7,
            dropped_lines: 0,
        };
        let tenants = vec![tenant("acme", Some(64)), tenant("default", None)];
        let mut status = Status {
            pid: 1,
            serving: "/apps".into(),
            applications: vec![shop],
            tenants,
            code: CodeCounts::default(),
            ignored: Vec::new(),
        };
        let mut table = Vec::new();
        write_table(&status, false, &mut table).unwrap();
        let expected = "\
APPLICATION  VERSION   STATE    ROUTES      REQUESTS  ERRORS    CPU
acme/shop    3f2a9c1b  serving  /acme/shop        12       0  1.23s
  limits.memory is 128MiB, not 1GiB

TENANT   APPLICATIONS  IN FLIGHT  WAITING     CPU          MEMORY  REFUSED  LINES DROPPED
acme          1 of 64    3 of 64        2  65.00s  6MiB of 512MiB        7              0
default             1          -        2  65.00s            6MiB        7              0
";
        assert_eq!(String::from_utf8(table).unwrap(), expected);
        status.tenants.remove(0);
        let mut table = Vec::new();
        write_table(&status, false, &mut table).unwrap();
        assert!(!String::from_utf8(table).unwrap().contains("TENANT"));
    }
}
