//! `wasgi demo`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;

use super::Unstarted;
use crate::build::{self, Options, Progress, Toolchain, python};
use crate::config::address;
use crate::deploy::Notice;
use crate::policy::Confinement;
use crate::run;

/// The examples in Rust, in the order in which they are worth a look, and what each shows.
const RUST: &[(&str, &str)] = &[
    ("hello", "the smallest application"),
    ("environ", "everything a request tells an application"),
    ("stream", "server-sent events, each sent as it is made"),
    ("upload", "a large body, hashed as it streams in"),
    ("write", "the imperative way: write(), then an iterable"),
    ("middleware", "an application around another one"),
    ("errors", "what exc_info does before and after the headers"),
    ("posthooks", "hooks that run after the response, with what was really sent"),
    ("http-adapter", "http::Request in, http::Response out"),
];

/// The same of those in Python.
const PYTHON: &[(&str, &str)] = &[
    ("wsgi-python", "the applications of PEP 3333, as they were published"),
    ("bottle", "Bottle: a framework in one file"),
    ("flask", "Flask: templates, forms, JSON, a stream, a session"),
    ("django", "Django: a guest book, with the ORM and the admin's login"),
];

/// Build the examples, deploy them to a directory, and serve it
///
/// To be run in a clone of the project.
#[derive(Args)]
#[command(after_help = "Example:\n  wasgi demo --listen 127.0.0.1:9000")]
pub(super) struct Demo {
    /// Address to listen on
    #[arg(long, value_name = "ADDR", value_parser = address, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

impl Demo {
    pub(super) fn run(self) -> Result<ExitCode> {
        let examples = find_examples().map_err(|error| error.context(Unstarted))?;
        // Building takes a minute; a port that is taken shows at once.
        let free = std::net::TcpListener::bind(self.listen).with_context(|| format!("listening on {}", self.listen));
        drop(free.map_err(|error| error.context(Unstarted))?);
        let target = examples.with_file_name("target").join("demo");
        let (apps, state) = (target.join("apps"), target.join("state"));
        std::fs::create_dir_all(&apps).with_context(|| format!("making {}", apps.display()))?;
        let built = build(&examples, &apps, &target.join("guests"))?;
        let overrides = move |mut config: crate::config::Config| {
            config.listen = vec![self.listen];
            config.state = Some(state.clone());
            config
        };
        let directory = apps.clone();
        let welcome = move |urls: &[String]| welcome(urls, &directory, &built);
        let output = run::Output::to(Box::new(welcome), Box::new(announce));
        run::start(&apps, None, overrides, output, Confinement::None).map_err(|error| error.context(Unstarted))?.wait();
        Ok(ExitCode::SUCCESS)
    }
}

/// `examples` of this directory, or of one above it.
fn find_examples() -> Result<PathBuf> {
    let here = std::env::current_dir().context("finding the current directory")?;
    let found = here.ancestors().map(|above| above.join("examples")).find(|examples| examples.join("hello").is_dir());
    match found {
        Some(examples) => Ok(examples),
        None => bail!("there are no examples here: run the demo in a clone of the project"),
    }
}

/// Builds what can be built here: each with what it shows.
fn build(examples: &Path, apps: &Path, target: &Path) -> Result<Vec<(&'static str, &'static str)>> {
    let python = python::available();
    if let Err(reason) = &python {
        eprintln!("leaving out the examples in Python: {reason:#}");
    }
    let all = [RUST, if python.is_ok() { PYTHON } else { &[] }].concat();
    let toolchain = Toolchain::find(&examples.join("hello"), Progress::Shown)?;
    for (at, (name, _)) in all.iter().enumerate() {
        eprintln!("building {name} ({} of {})", at + 1, all.len());
        let output = Some(apps.join(format!("{name}.wasm")));
        let options = Options { output, target_dir: Some(target.to_owned()), ..Options::default() };
        let project = examples.join(name);
        manifest(&project, name, apps)?;
        let built = match python::is_project(&project) {
            true => build::component(&project, &options, Progress::Shown),
            false => toolchain.build(&project, &options),
        };
        built.with_context(|| format!("building examples/{name}"))?;
    }
    Ok(all)
}

/// Puts an example's manifest, where it has one, to where its component will be.
fn manifest(project: &Path, name: &str, apps: &Path) -> Result<()> {
    let (from, to) = (project.join(format!("{name}.toml")), apps.join(format!("{name}.toml")));
    if from.is_file() {
        std::fs::copy(&from, &to).with_context(|| format!("writing {}", to.display()))?;
    }
    Ok(())
}

fn welcome(urls: &[String], apps: &Path, built: &[(&str, &str)]) {
    let Some(url) = urls.first() else { return };
    let mut text = format!("\nServing {} at {url}\n\n", apps.display());
    for (name, shows) in built {
        text += &format!("  {:<44} {shows}\n", format!("{url}/{name}"));
    }
    say(&(text + "\nCopy a component into the directory to deploy it; Ctrl-C ends the demo.\n"));
}

fn announce(notice: &Notice) {
    say(&notice.to_string());
}

/// Where nobody reads it, that is no reason to stop serving.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
