//! Post-response hooks: what an application does once the response is over.

use std::cell::Cell;
use std::time::Duration;

use crate::Error;

/// How a response went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Bytes of the body, without framing, that the client's socket accepted.
    pub bytes: u64,
    /// Whether that was the whole response. False if it was cut by either side.
    pub complete: bool,
    /// From the request's head to the response's last byte.
    pub elapsed: Duration,
}

impl Report {
    pub(crate) fn new(bytes: u64, complete: bool, elapsed_us: u64) -> Report {
        Report { bytes, complete, elapsed: Duration::from_micros(elapsed_us) }
    }
}

type Hook = Box<dyn FnOnce(Report) -> Result<(), Error>>;

/// The hooks that wait for a response's end.
#[derive(Default)]
pub(crate) struct Hooks(Cell<Vec<Hook>>);

impl Hooks {
    pub(crate) fn add(&self, hook: Hook) {
        let mut hooks = self.0.take();
        hooks.push(hook);
        self.0.set(hooks);
    }

    /// Whether any hook waits.
    pub(crate) fn wait(&self) -> bool {
        let hooks = self.0.take();
        let wait = !hooks.is_empty();
        self.0.set(hooks);
        wait
    }

    /// Runs the hooks in order, each once. One that fails is logged and keeps none from running.
    pub(crate) fn run(&self, report: Report, log: impl Fn(&str)) {
        for hook in self.0.take() {
            if let Err(error) = hook(report) {
                log(&format!("posthook failed: {error:?}\n"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    const REPORT: Report = Report { bytes: 3, complete: true, elapsed: Duration::from_millis(1) };

    #[test]
    fn all_run_in_order_though_one_fails() {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let hooks = Hooks::default();
        for n in 1..=3 {
            let seen = seen.clone();
            hooks.add(Box::new(move |report| {
                seen.borrow_mut().push((n, report));
                if n == 2 { Err(Error::new("ValueError", "two")) } else { Ok(()) }
            }));
        }
        let log = RefCell::new(Vec::new());
        assert!(hooks.wait());
        hooks.run(REPORT, |text| log.borrow_mut().push(text.to_owned()));
        assert_eq!(*seen.borrow(), [(1, REPORT), (2, REPORT), (3, REPORT)]);
        assert!(log.borrow()[0].starts_with("posthook failed: ValueError: two (src/hooks.rs:"));
        assert_eq!(log.borrow().len(), 1);
        assert!(!hooks.wait());
    }
}
