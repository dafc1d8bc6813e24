//! One line of a log: time, source and a text that can neither forge another line nor command a terminal. Pure.

use std::fmt::Write as _;

use time::OffsetDateTime;

/// The most bytes of one line's text; what is longer is cut, and the line says how much is missing.
pub(super) const LONGEST_LINE: usize = 8 << 10;

/// Writes `text` to `out`, each of its lines with time and source before it, until about `most` bytes are written.
pub(super) fn write(out: &mut String, now: OffsetDateTime, source: &str, text: &str, most: usize) {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let end = out.len() + most;
    for line in text.split('\n') {
        if out.len() >= end {
            stamp(out, now);
            out.push_str(" host the rest is cut: too much at one time\n");
            return;
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        stamp(out, now);
        out.push(' ');
        out.push_str(source);
        out.push(' ');
        let shown = &line[..line.floor_char_boundary(LONGEST_LINE)];
        shown.chars().for_each(|c| escape(out, c));
        if shown.len() < line.len() {
            let _ = write!(out, " [{} more bytes]", line.len() - shown.len());
        }
        out.push('\n');
    }
}

/// RFC 3339 in UTC with milliseconds. By hand, as this runs for each line: a tenth of a formatting description's time.
fn stamp(out: &mut String, now: OffsetDateTime) {
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, second, milli) = now.to_hms_milli();
    let _ = write!(out, "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z", u8::from(month));
}

/// Control characters (C0, DEL, C1), and those that reorder or break a line where it is shown, become visible.
fn escape(out: &mut String, c: char) {
    match c {
        '\t' => out.push('\t'),
        '\0'..='\x1f' | '\x7f' => {
            let _ = write!(out, "\\x{:02x}", c as u32);
        }
        '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
        }
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> String {
        let mut out = String::new();
        write(&mut out, OffsetDateTime::UNIX_EPOCH, "stderr", text, 1 << 20);
        out
    }

    #[test]
    fn each_line_has_its_time_and_source() {
        assert_eq!(written("hello\n"), "1970-01-01T00:00:00.000Z stderr hello\n");
        assert_eq!(
            written("a\r\n2025-01-01T00:00:00Z stderr forged"),
            "1970-01-01T00:00:00.000Z stderr a\n1970-01-01T00:00:00.000Z stderr 2025-01-01T00:00:00Z stderr forged\n"
        );
        assert_eq!(written(""), "1970-01-01T00:00:00.000Z stderr \n");
    }

    #[test]
    fn what_commands_a_terminal_is_shown_instead() {
        assert_eq!(
            written("a\x1b[31m\rb\x07\u{9b}\u{202e}é\t"),
            "1970-01-01T00:00:00.000Z stderr a\\x1b[31m\\x0db\\x07\\u{9b}\\u{202e}é\t\n"
        );
    }

    #[test]
    fn a_flood_of_lines_is_cut() {
        let mut out = String::new();
        write(&mut out, OffsetDateTime::UNIX_EPOCH, "stderr", &"\n".repeat(1 << 20), 1 << 10);
        assert!(out.len() < 2 << 10 && out.ends_with("at one time\n"));
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let line = written(&"é".repeat(5000));
        assert!(line.ends_with("é [1808 more bytes]\n"), "{}", &line[line.len() - 40..]);
    }

    proptest! {
        #[test]
        fn no_text_forges_a_line(text in "\\PC*|.*|(\n|\r|\x1b|a|é){0,40}") {
            let out = written(&text);
            prop_assert!(out.lines().all(|line| line.starts_with("1970-01-01T00:00:00.000Z stderr ")));
            prop_assert!(!out.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
        }
    }
}
