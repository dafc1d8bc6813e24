//! What was measured before, and what got worse since: ratios of CPU to the limit of their own run, which say the same on
//! a faster machine and in a busier hour, and counts of instructions.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::figures::{Column, Spread, Table, Unit};
use crate::instructions;

/// Less than this is never told from noise.
const LEAST_MARGIN: f64 = 0.05;
const LEAST_MARGIN_OF_COUNTS: f64 = 0.01;

/// Ratios of wasgi's own rows, by table and row.
#[derive(Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Baseline(BTreeMap<String, BTreeMap<String, Kept>>);

/// One ratio.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
struct Kept {
    /// The limit's CPU by the row's.
    ratio: f64,
    /// How far rounds lay from their median, the limit's and the row's together; 0.1 is a tenth.
    noise: f64,
    /// What was counted, where that is what was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instructions: Option<f64>,
}

impl fmt::Display for Kept {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instructions {
            Some(count) => write!(to, "{count} instructions"),
            None => write!(to, "{:.3}", self.ratio),
        }
    }
}

impl Baseline {
    /// What these tables say.
    pub(crate) fn of(tables: &[Table]) -> Self {
        let mut all = BTreeMap::new();
        for table in tables {
            let compared = |column: &Column| column.key == "cpu" || column.key == instructions::KEY;
            let Some(at_column) = table.columns.iter().position(compared) else { continue };
            let counts = table.columns[at_column].unit == Unit::Count;
            let mut rows = BTreeMap::new();
            for (at, row) in table.rows.iter().enumerate().filter(|(_, row)| row.ours) {
                let limit = table.limits.get(at).copied().flatten().and_then(|limit| table.rows.get(limit));
                let (Some(limit), Some((spread, Some(ratio)))) = (limit, table.figure(at, at_column)) else { continue };
                // More digits would only seem to say something.
                let short = |value: f64| (value * 1e3).round() / 1e3;
                let noise = short(distance(limit.spread(at_column)) + distance(spread));
                let instructions = counts.then_some(spread.median.round());
                rows.insert(row.name.clone(), Kept { ratio: short(ratio), noise, instructions });
            }
            if !rows.is_empty() {
                all.insert(table.key.to_owned(), rows);
            }
        }
        Self(all)
    }

    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", file.display()))
    }

    /// Writes it, with what `file` has of other tables.
    pub(crate) fn keep(mut self, file: &Path) -> Result<()> {
        if file.exists() {
            for (table, rows) in Self::read(file)?.0 {
                self.0.entry(table).or_insert(rows);
            }
        }
        std::fs::write(file, serde_json::to_string_pretty(&self)? + "\n")?;
        Ok(())
    }

    /// The tables that it has ratios of.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A line for each row that `now` has too, and whether any of them is worse beyond the noise of both runs.
    pub(crate) fn compare(&self, now: &Baseline) -> (Vec<String>, bool) {
        let (mut lines, mut worse) = (Vec::new(), false);
        for (table, rows) in &self.0 {
            for (name, was) in rows {
                let Some(is) = now.0.get(table).and_then(|rows| rows.get(name)) else { continue };
                // Counts repeat as they are; times do so by their ratio alone.
                let (change, least) = match (is.instructions, was.instructions) {
                    (Some(is), Some(was)) => (was / is - 1.0, LEAST_MARGIN_OF_COUNTS),
                    _ => (is.ratio / was.ratio - 1.0, LEAST_MARGIN),
                };
                let margin = (was.noise + is.noise).max(least);
                let verdict = match change {
                    _ if change < -margin => "WORSE",
                    _ if change > margin => "better",
                    _ => "the same",
                };
                worse |= change < -margin;
                lines.push(format!(
                    "{table}, {name}: {is}, was {was} ({:+.1} %, noise {:.1} %): {verdict}",
                    change * 100.0,
                    margin * 100.0
                ));
            }
        }
        (lines, worse)
    }
}

/// How far the figures lie from their median at most, as a part of it.
fn distance(spread: Spread) -> f64 {
    (spread.highest - spread.median).max(spread.median - spread.lowest) / spread.median
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Row;

    fn measured(wasgi: [f64; 3]) -> Baseline {
        measured_as(Column::new("cpu", "CPU", Unit::Time), wasgi)
    }

    fn measured_as(column: Column, wasgi: [f64; 3]) -> Baseline {
        let row = |name: &str, ours, rounds: [f64; 3]| Row {
            name: name.to_owned(),
            ours,
            rounds: rounds.iter().map(|cpu| vec![*cpu]).collect(),
        };
        let rows = vec![row("bare", false, [6.0, 6.0, 6.0]), row("wasgi", true, wasgi), row("peer", false, [9.0; 3])];
        let (columns, limits) = (&*vec![column].leak(), vec![Some(0); 3]);
        Baseline::of(&[Table::new("hello", "Hello", columns, rows, limits)])
    }

    #[test]
    fn what_got_worse_beyond_the_noise_is_told() {
        let before = measured([12.0, 12.0, 12.0]);
        assert_eq!(before.0["hello"].keys().collect::<Vec<_>>(), ["wasgi"], "peers are no business of ours");
        assert_eq!(before.0["hello"]["wasgi"], Kept { ratio: 0.5, noise: 0.0, instructions: None });
        for (now, worse, verdict) in [
            ([12.0; 3], false, "the same"),
            ([12.5; 3], false, "the same"),
            ([13.0; 3], true, "WORSE"),
            ([11.0; 3], false, "better"),
            ([12.0, 13.0, 14.0], false, "the same"),
        ] {
            let (lines, found) = before.compare(&measured(now));
            assert_eq!((found, lines.len()), (worse, 1), "{now:?}: {lines:?}");
            assert!(lines[0].ends_with(verdict), "{now:?}: {lines:?}");
        }
    }

    #[test]
    fn counts_are_compared_as_they_are() {
        let counted = |count: f64| measured_as(Column::new(instructions::KEY, "", Unit::Count), [count; 3]);
        let (lines, worse) = counted(9_000.0).compare(&counted(9_200.0));
        assert_eq!((lines.len(), worse), (1, true), "{lines:?}");
        assert!(lines[0].starts_with("hello, wasgi: 9200 instructions, was 9000 instructions (-2.2 %"), "{lines:?}");
        assert!(!counted(9_000.0).compare(&counted(9_050.0)).1);
    }

    #[test]
    fn other_tables_stay_in_the_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), r#"{ "stream": { "down, wasgi": { "ratio": 0.7, "noise": 0.02 } } }"#).unwrap();
        measured([12.0; 3]).keep(file.path()).unwrap();
        let kept = Baseline::read(file.path()).unwrap();
        assert_eq!(kept.tables().collect::<Vec<_>>(), ["hello", "stream"]);
        assert_eq!(kept.compare(&Baseline::default()), (vec![], false));
    }
}
