//! Tables as people and programs read them.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use crate::figures::{Shown, Table};

/// A table for a terminal: the median of each figure with its ratio, and for the first column how far the rounds lie apart.
pub(crate) fn text(table: &Table) -> String {
    let mut lines = vec![head(table)];
    lines.extend(cells(table));
    let columns = lines[0].len();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = format!("{}\n", table.title);
    for line in &lines {
        let padded = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        let padded: Vec<String> = padded.collect();
        let _ = writeln!(text, "{}", padded.join("  ").trim_end());
    }
    for line in &table.left_out {
        let _ = writeln!(text, "{line}");
    }
    text
}

/// The same table in Markdown.
pub(crate) fn markdown(table: &Table) -> String {
    let head = head(table);
    let rule = vec!["---".to_owned()].into_iter().chain(head.iter().skip(1).map(|_| "--:".to_owned())).collect();
    let mut text = String::new();
    for line in [vec![head, rule], cells(table)].concat() {
        let _ = writeln!(text, "| {} |", line.join(" | "));
    }
    for line in &table.left_out {
        let _ = writeln!(text, "\n{line}");
    }
    text
}

fn head(table: &Table) -> Vec<String> {
    let mut head = vec![String::new()];
    for (at, column) in table.columns.iter().enumerate() {
        head.push(column.title.to_owned());
        if at == 0 {
            head.push("from–to".to_owned());
        }
    }
    head
}

/// A line for each server.
fn cells(table: &Table) -> Vec<Vec<String>> {
    let line = |row: usize| {
        let mut line = vec![table.rows[row].name.clone()];
        for (at, column) in table.columns.iter().enumerate() {
            let Some((spread, ratio)) = table.figure(row, at) else { continue };
            let shown = Shown(column.unit, spread.median).to_string();
            line.push(ratio.map_or(shown.clone(), |ratio| format!("{shown} ({ratio:.2})")));
            if at == 0 {
                line.push(format!("{} – {}", Shown(column.unit, spread.lowest), Shown(column.unit, spread.highest)));
            }
        }
        line
    };
    (0..table.rows.len()).map(line).collect()
}

/// Every figure: for each table, server and column the median, the spread and the ratio.
pub(crate) fn json(tables: &[Table]) -> Value {
    let mut all = Map::new();
    for table in tables {
        let mut rows = Map::new();
        for (at, row) in table.rows.iter().enumerate() {
            let mut figures = Map::new();
            for (column, named) in table.columns.iter().enumerate() {
                let Some((spread, ratio)) = table.figure(at, column) else { continue };
                let (median, lowest, highest) = (spread.median, spread.lowest, spread.highest);
                let figure = json!({ "median": median, "lowest": lowest, "highest": highest, "ratio": ratio });
                figures.insert(named.key.to_owned(), figure);
            }
            rows.insert(row.name.clone(), Value::Object(figures));
        }
        all.insert(table.key.to_owned(), Value::Object(rows));
    }
    json!({ "units": "microseconds, requests a second, bytes", "tables": all })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Column, Row, Unit};

    fn table() -> Table {
        let columns = const { &[Column::new("cpu", "CPU", Unit::Time), Column::new("rate", "requests/s", Unit::Rate)] };
        let row = |name: &str, rounds: [[f64; 2]; 3]| Row {
            name: name.to_owned(),
            ours: true,
            rounds: rounds.into_iter().map(Vec::from).collect(),
        };
        let rows = vec![
            row("bare", [[6.0, 900.0], [6.5, 1000.0], [5.5, 1100.0]]),
            row("wasgi", [[12.0, 500.0], [12.5, 400.0], [11.5, 600.0]]),
        ];
        Table {
            key: "t",
            title: "Title".into(),
            columns,
            rows,
            limits: vec![Some(0), Some(0)],
            left_out: vec!["peer is left out: no peer".into()],
        }
    }

    #[test]
    fn a_table_has_a_line_for_each_server() {
        let said = text(&table());
        let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["Title"]);
        assert!(said.ends_with("\npeer is left out: no peer\n"), "{said}");
        assert_eq!(lines[1], ["CPU", "from–to", "requests/s"]);
        assert_eq!(lines[3], ["wasgi", "12.0", "µs", "(0.50)", "11.5", "µs", "–", "12.5", "µs", "500", "(0.50)"]);
        let said = markdown(&table());
        assert!(
            said.starts_with("|  | CPU | from–to | requests/s |\n| --- | --: | --: | --: |\n| bare | 6.00 µs (1.00)")
        );
    }

    #[test]
    fn programs_get_every_figure() {
        let figure = &json(&[table()])["tables"]["t"]["wasgi"]["cpu"];
        assert_eq!(*figure, json!({ "median": 12.0, "lowest": 11.5, "highest": 12.5, "ratio": 0.5 }));
    }
}
