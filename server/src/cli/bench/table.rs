//! The figures of a run, printed as they come.

use anyhow::Result;
use serde::Serialize;
use std::time::Duration;

/// One figure.
#[derive(Debug, Clone, Serialize)]
struct Row {
    what: String,
    seconds: f64,
    /// Bytes that the work reads and writes, where that is what it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    items_per_second: Option<f64>,
    /// What it is held against, and how many times that it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Against>,
    /// The most memory that the whole program held meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_bytes: Option<u64>,
}

#[derive(Debug, Clone, Serialize)]
struct Against {
    what: String,
    seconds: f64,
    times: f64,
}

/// The amount of work behind a figure.
#[derive(Debug, Clone, Copy)]
pub(super) enum Amount {
    None,
    Bytes(u64),
    Items(u64),
}

/// Collects figures; prints each at once unless the output is for machines.
#[derive(Debug)]
pub(super) struct Table {
    json: bool,
    rows: Vec<Row>,
}

impl Table {
    pub(super) fn new(json: bool) -> Self {
        Self { json, rows: Vec::new() }
    }

    /// A heading over the figures that follow.
    pub(super) fn section(&self, title: &str) {
        if !self.json {
            println!("\n{title}");
        }
    }

    /// A line beside the figures.
    pub(super) fn note(&self, text: &str) {
        if !self.json {
            println!("  {text}");
        }
    }

    /// Adds a figure, held against an earlier one.
    pub(super) fn add(&mut self, what: &str, time: Duration, amount: Amount, against: Option<(&str, Duration)>) {
        self.add_with(what, time, amount, against, None);
    }

    /// As [`Self::add`], with the most memory that the program held, in bytes.
    pub(super) fn add_with(&mut self, what: &str, time: Duration, amount: Amount, against: Option<(&str, Duration)>, peak: Option<u64>) {
        let seconds = time.as_secs_f64();
        let per_second = |n: u64| (seconds > 0.0).then(|| n as f64 / seconds);
        let row = Row {
            what: what.to_owned(),
            seconds,
            bytes_per_second: if let Amount::Bytes(n) = amount { per_second(n) } else { None },
            items_per_second: if let Amount::Items(n) = amount { per_second(n) } else { None },
            against: against.map(|(what, other)| Against {
                what: what.to_owned(),
                seconds: other.as_secs_f64(),
                times: seconds / other.as_secs_f64().max(1e-9),
            }),
            peak_bytes: peak,
        };
        if !self.json {
            println!("{}", line(&row));
        }
        self.rows.push(row);
    }

    /// Prints the whole where it was not printed line by line.
    pub(super) fn finish(self) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(&self.rows)?);
        }
        Ok(())
    }
}

fn line(row: &Row) -> String {
    let speed = match (row.bytes_per_second, row.items_per_second) {
        (Some(bytes), _) => format!("{:.2} GB/s", bytes / 1e9),
        (_, Some(items)) => format!("{items:.0}/s"),
        _ => String::new(),
    };
    let against = row.against.as_ref().map(|a| format!("{:.2} × {} ({})", a.times, a.what, human(a.seconds))).unwrap_or_default();
    let memory = row.peak_bytes.map(|b| format!("   {} MB", b / 1_000_000)).unwrap_or_default();
    format!("  {:<44} {:>10} {speed:>12}   {against}{memory}", row.what, human(row.seconds)).trim_end().to_owned()
}

/// `1.23 s`, `4.5 ms`.
fn human(seconds: f64) -> String {
    if seconds >= 1.0 {
        format!("{seconds:.2} s")
    } else if seconds >= 1e-3 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{:.1} µs", seconds * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_time_speed_and_what_it_is_held_against() {
        let mut table = Table::new(true);
        table.add("merge", Duration::from_millis(300), Amount::Bytes(600_000_000), Some(("copy", Duration::from_millis(200))));
        let text = line(&table.rows[0]);
        assert!(text.contains("300.0 ms") && text.contains("2.00 GB/s") && text.contains("1.50 × copy (200.0 ms)"), "{text}");
        table.add_with("bake", Duration::from_secs(2), Amount::None, None, Some(300_000_000));
        assert!(line(&table.rows[1]).ends_with(" 300 MB"), "{}", line(&table.rows[1]));
        let value = serde_json::to_value(&table.rows).unwrap();
        assert!((value[0]["against"]["times"].as_f64().unwrap() - 1.5).abs() < 1e-9);
        assert!(value[0].get("items_per_second").is_none());
    }
}
