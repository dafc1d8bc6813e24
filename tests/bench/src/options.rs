//! The command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How it is used.
pub(crate) const USAGE: &str = "\
cargo run --release -p bench -- [WHAT…] [OPTIONS]

what is measured; without one, hello:
  hello       a hello of 14 bytes: bare hyper, wasgi, 100 tenants in rotation, and peers
  workloads   20 look-ups in the environ, a JSON API, 64 KiB, a page; each natively and in wasgi
  tenants     one tenant, and a hundred in rotation
  cores       one core, and two
  instructions
              what a hello executes, counted by valgrind
  stream      1 GiB down in 64 KiB chunks, 1 GiB up with SHA-256
  deploys     from start to answer, from mv to answer
  fairness    a hello beside another tenant's requests that compute
  many        1,000 and 10,000 applications; compiling them takes minutes the first time
  python      applications in Python: wasgi, gunicorn, granian, bjoern
  all         all of these

  compare     what was chosen, or all that the baseline has, beside the baseline: says what got worse, and fails then

options:
  --rounds N        how often each server is measured
  --seconds N       how long each is measured then
  --apart           gives the load a core of its own
  --applications N  how many applications instead of 1,000 and 10,000; may be repeated
  --idle N          seconds for which those are watched while idle (60)
  --wasgi FILE      measures this wasgi instead of building it
  --peers DIR       where peers are looked for before the PATH
  --json FILE       writes every figure
  --markdown FILE   writes the tables
  --svg FILE        draws the first table
  --baseline FILE   the baseline (tests/bench/baseline.json)
  --keep            writes the baseline instead of comparing with it
";

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Hello,
    Tenants,
    Cores,
    Instructions,
    Workloads,
    Stream,
    Deploys,
    Fairness,
    Many,
    Python,
}

const ALL: [(&str, What); 10] = [
    ("hello", What::Hello),
    ("tenants", What::Tenants),
    ("cores", What::Cores),
    ("instructions", What::Instructions),
    ("workloads", What::Workloads),
    ("stream", What::Stream),
    ("deploys", What::Deploys),
    ("fairness", What::Fairness),
    ("many", What::Many),
    ("python", What::Python),
];

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) what: Vec<What>,
    pub(crate) rounds: Option<usize>,
    pub(crate) seconds: Option<u32>,
    pub(crate) apart: bool,
    pub(crate) applications: Vec<usize>,
    pub(crate) idle: Duration,
    pub(crate) wasgi: Option<PathBuf>,
    pub(crate) peers: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) compare: bool,
    pub(crate) keep: bool,
    pub(crate) baseline: PathBuf,
    pub(crate) svg: Option<PathBuf>,
    pub(crate) markdown: Option<PathBuf>,
}

impl What {
    /// What gives the table of that name.
    pub(crate) fn named(name: &str) -> Option<What> {
        ALL.iter().find(|(known, _)| *known == name).map(|(_, what)| *what)
    }
}

impl Options {
    /// Reads what was typed behind the program's name.
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Options> {
        let mut options = Options {
            what: Vec::new(),
            rounds: None,
            seconds: None,
            apart: false,
            applications: Vec::new(),
            idle: Duration::from_secs(60),
            wasgi: None,
            peers: None,
            json: None,
            markdown: None,
            svg: None,
            compare: false,
            keep: false,
            baseline: Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline.json"),
        };
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} needs a value"));
            match word.as_str() {
                "all" => options.what.extend(ALL.map(|(_, what)| what)),
                "apart" | "--apart" => options.apart = true,
                "compare" => options.compare = true,
                "--keep" => options.keep = true,
                "--baseline" => options.baseline = value()?.into(),
                "--svg" => options.svg = Some(value()?.into()),
                "--rounds" => options.rounds = Some(number(&value()?)?.try_into()?),
                "--seconds" => options.seconds = Some(number(&value()?)?),
                "--applications" => options.applications.push(number(&value()?)?.try_into()?),
                "--idle" => options.idle = Duration::from_secs(number(&value()?)?.into()),
                "--wasgi" => options.wasgi = Some(value()?.into()),
                "--peers" => options.peers = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                "--markdown" => options.markdown = Some(value()?.into()),
                other => match What::named(other) {
                    Some(what) => options.what.push(what),
                    None => bail!("what is {other}?\n\n{USAGE}"),
                },
            }
        }
        if options.what.is_empty() && !options.compare {
            options.what.push(What::Hello);
        }
        if options.applications.is_empty() {
            options.applications = vec![1_000, 10_000];
        }
        Ok(options)
    }
}

fn number(word: &str) -> Result<u32> {
    match word.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => bail!("{word} is no number from 1 up"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn hello_is_measured_where_nothing_is_said() {
        assert_eq!(parse("").unwrap().what, [What::Hello]);
        assert_eq!(parse("--rounds 3").unwrap().what, [What::Hello]);
        assert_eq!(parse("python hello").unwrap().what, [What::Python, What::Hello]);
    }

    #[test]
    fn options_have_values() {
        let options = parse("all --rounds 3 --seconds 2 --json a.json --peers /opt/peers apart").unwrap();
        assert_eq!((options.what.len(), options.rounds, options.seconds), (ALL.len(), Some(3), Some(2)));
        assert_eq!((options.json, options.peers), (Some("a.json".into()), Some("/opt/peers".into())));
        assert!(options.apart);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in ["--rounds", "--rounds 0", "--rounds some", "helo"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
