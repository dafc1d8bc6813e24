//! A chart of one table: a bar for each server, as long as its ratio to the limit.

use std::fmt::Write;

use crate::figures::{Shown, Table};

const WIDTH: u32 = 760;
/// Where bars begin, and how long the limit's is.
const LEFT: u32 = 190;
const FULL: u32 = 400;
const LINE: u32 = 26;
const TOP: u32 = 56;

/// What suits a light page and a dark one: the reader's choice is asked for.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.t{font-size:15px;font-weight:600}\
.s{fill:#59636e}.o{fill:#0969da}.p{fill:#9aa4ae}.l{fill:#2da44e}\
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.s{fill:#9198a1}.o{fill:#4493f8}.p{fill:#656c76}.l{fill:#3fb950}}";

/// The first column of the table as an SVG.
pub(crate) fn svg(table: &Table) -> String {
    let Some(column) = table.columns.first() else { return String::new() };
    let lines = u32::try_from(table.rows.len()).unwrap_or(0);
    let height = TOP + lines * LINE + 12;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\">\n<title>{title}: {heading}</title>\n<style>{STYLE}</style>\n\
         <text class=\"t\" x=\"12\" y=\"22\">{title}: {heading}</text>\n\
         <text class=\"s\" x=\"12\" y=\"42\">as a part of what bare hyper does with it, in the same run; longer is better</text>\n",
        title = escaped(&table.title),
        heading = escaped(column.title),
    );
    for (at, row) in table.rows.iter().enumerate() {
        let Some((spread, Some(ratio))) = table.figure(at, 0) else { continue };
        let top = TOP + u32::try_from(at).unwrap_or(0) * LINE;
        let length = (f64::from(FULL) * ratio.clamp(0.0, 1.3)).max(1.0);
        let class = match table.limits.get(at) {
            Some(Some(limit)) if *limit == at => "l",
            _ if row.ours => "o",
            _ => "p",
        };
        let _ = writeln!(
            svg,
            "<text x=\"{name_at}\" y=\"{base}\" text-anchor=\"end\">{name}</text>\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{bar}\" width=\"{length:.1}\" height=\"16\" rx=\"3\"/>\
             <text x=\"{end:.1}\" y=\"{base}\">{ratio:.2} <tspan class=\"s\">{figure}</tspan></text>",
            name_at = LEFT - 10,
            base = top + 13,
            bar = top,
            name = escaped(&row.name),
            end = f64::from(LEFT) + length + 8.0,
            figure = Shown(column.unit, spread.median),
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Column, Row, Unit};

    #[test]
    fn every_server_has_a_bar() {
        let row = |name: &str, ours, cpu: f64| Row { name: name.to_owned(), ours, rounds: vec![vec![cpu]] };
        let rows = vec![row("bare", false, 6.0), row("wasgi <fresh>", true, 12.0), row("peer", false, 60.0)];
        let columns = const { &[Column::new("cpu", "CPU a request", Unit::Time)] };
        let table = Table::new("hello", "Hello", columns, rows, vec![Some(0); 3]);
        let said = svg(&table);
        for part in ["width=\"400.0\"", "width=\"200.0\"", "width=\"40.0\"", "wasgi &lt;fresh&gt;", "12.0 µs"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(said.matches("<rect").count(), 3);
    }
}
