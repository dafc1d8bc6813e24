//! Figures: what was measured in each round, and what is said of it.

use std::fmt;

/// What one number is, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Microseconds.
    Time,
    /// So many a second.
    Rate,
    /// Bytes.
    Size,
    /// So many.
    Count,
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its name in JSON and in the baseline.
    pub(crate) key: &'static str,
    /// Its heading.
    pub(crate) title: &'static str,
    pub(crate) unit: Unit,
}

impl Column {
    pub(crate) const fn new(key: &'static str, title: &'static str, unit: Unit) -> Self {
        Self { key, title, unit }
    }

    /// How near `value` comes to `limit`: 1 is as good, 0.5 half as good.
    pub(crate) fn ratio(&self, limit: f64, value: f64) -> f64 {
        if self.unit == Unit::Rate { value / limit } else { limit / value }
    }
}

/// The figures of one server: for each column one of each round.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// Whether it is wasgi that was measured.
    pub(crate) ours: bool,
    pub(crate) rounds: Vec<Vec<f64>>,
}

impl Row {
    /// A row that has no figures yet.
    pub(crate) fn new(name: &str, ours: bool) -> Row {
        Row { name: name.to_owned(), ours, rounds: Vec::new() }
    }

    /// The figures of the column at `at`.
    pub(crate) fn spread(&self, at: usize) -> Spread {
        Spread::of(self.rounds.iter().filter_map(|round| round.get(at).copied()))
    }
}

/// What was measured of several servers in one run.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) key: &'static str,
    pub(crate) title: String,
    pub(crate) columns: &'static [Column],
    pub(crate) rows: Vec<Row>,
    /// The row that each row is compared with; fewer than rows, or none.
    pub(crate) limits: Vec<Option<usize>>,
    /// What could not be measured, and why.
    pub(crate) left_out: Vec<String>,
}

impl Table {
    /// A table of all that was to be measured.
    pub(crate) fn new(
        key: &'static str,
        title: &str,
        columns: &'static [Column],
        rows: Vec<Row>,
        limits: Vec<Option<usize>>,
    ) -> Table {
        Table { key, title: title.to_owned(), columns, rows, limits, left_out: Vec::new() }
    }

    /// The figure at a row and column, with its ratio to the limit where there is one.
    pub(crate) fn figure(&self, row: usize, column: usize) -> Option<(Spread, Option<f64>)> {
        let spread = self.rows.get(row)?.spread(column);
        let limit = self.limits.get(row).copied().flatten().and_then(|limit| self.rows.get(limit));
        let ratio = limit.map(|limit| self.columns[column].ratio(limit.spread(column).median, spread.median));
        Some((spread, ratio))
    }
}

/// The middle of several figures, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Spread {
    /// Of no figures it is NaN.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Spread {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let median = if values.len() % 2 == 1 { at(middle) } else { at(middle.wrapping_sub(1)).midpoint(at(middle)) };
        Spread { median, lowest: at(0), highest: at(values.len().wrapping_sub(1)) }
    }
}

/// A figure as people read it.
pub(crate) struct Shown(pub(crate) Unit, pub(crate) f64);

impl fmt::Display for Shown {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown(unit, value) = *self;
        let (value, name) = match unit {
            _ if value.is_nan() => return to.write_str("–"),
            Unit::Rate | Unit::Count => (value, ""),
            Unit::Time if value < 1e3 => (value, " µs"),
            Unit::Time if value < 1e6 => (value / 1e3, " ms"),
            Unit::Time => (value / 1e6, " s"),
            Unit::Size if value < 1024.0 * 1024.0 => (value / 1024.0, " KiB"),
            Unit::Size => (value / (1024.0 * 1024.0), " MiB"),
        };
        let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
        write!(to, "{value:.decimals$}{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, lowest: 1.0, highest: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(Spread::of([7.0]).median, 7.0);
        assert!(Spread::of([]).median.is_nan());
    }

    #[test]
    fn figures_are_read_with_ease() {
        let shown = |unit, value| Shown(unit, value).to_string();
        assert_eq!(shown(Unit::Time, 6.834), "6.83 µs");
        assert_eq!(shown(Unit::Time, 24.26), "24.3 µs");
        assert_eq!(shown(Unit::Time, 1_700.0), "1.70 ms");
        assert_eq!(shown(Unit::Time, 3.2e6), "3.20 s");
        assert_eq!(shown(Unit::Rate, 61_234.4), "61234");
        assert_eq!(shown(Unit::Size, 20.0 * 1024.0), "20.0 KiB");
        assert_eq!(shown(Unit::Size, 91.5 * 1024.0 * 1024.0), "91.5 MiB");
        assert_eq!(shown(Unit::Rate, f64::NAN), "–");
    }

    #[test]
    fn a_ratio_says_how_near_the_limit_is() {
        let cpu = Column::new("cpu", "CPU", Unit::Time);
        let rate = Column::new("rate", "requests/s", Unit::Rate);
        assert_eq!(cpu.ratio(6.0, 12.0), 0.5);
        assert_eq!(rate.ratio(100.0, 50.0), 0.5);
        let row = |cpu: f64| Row { name: "a".into(), ours: true, rounds: vec![vec![cpu]] };
        let columns = const { &[Column::new("cpu", "CPU", Unit::Time)] };
        let rows = vec![row(6.0), row(8.0)];
        let table = Table::new("t", "t", columns, rows, vec![Some(0), Some(0)]);
        assert_eq!(table.figure(1, 0).unwrap().1, Some(0.75));
    }
}
