//! The command line: what was typed, checked and handed to whoever does it. The only module that
//! names clap.

mod build;
mod call;
mod cgi;
mod check;
mod compile;
mod demo;
mod local;
mod logs;
mod new;
mod serve;
mod status;

use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

/// Serves WebAssembly components as web applications.
#[derive(Parser)]
#[command(name = "wasgi", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  wasgi new hello && wasgi build hello -o apps/hello.wasm   make an application
  wasgi serve apps                                          serve every component in apps/
  wasgi call apps/hello.wasm /                              one request, without a server
  wasgi status apps                                         what is deployed, and how it does
  wasgi demo                                                build the examples and serve them";

#[derive(Subcommand)]
enum Command {
    Serve(serve::Serve),
    Build(build::Build),
    New(new::New),
    Check(check::Check),
    Call(call::Call),
    Cgi(cgi::Cgi),
    Status(status::Status),
    Logs(logs::Logs),
    Demo(demo::Demo),
    Compile(compile::Compile),
}

/// What went wrong was typed, configured, or is in the way: exit code 2, and nothing was started.
#[derive(Debug)]
struct Unstarted;

impl std::fmt::Display for Unstarted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not started")
    }
}

impl std::error::Error for Unstarted {}

/// Runs the command that the process was called with.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let done = match cli.command {
        Command::Serve(serve) => serve.run(),
        Command::Build(build) => build.run(),
        Command::New(new) => new.run(),
        Command::Check(check) => check.run(),
        Command::Call(call) => call.run(),
        Command::Cgi(cgi) => cgi.run(),
        Command::Status(status) => status.run(),
        Command::Logs(logs) => logs.run(),
        Command::Demo(demo) => demo.run(),
        Command::Compile(compile) => Ok(compile.run()),
    };
    done.unwrap_or_else(|error| {
        // A pipe that nobody reads any more is how `| head` ends.
        if error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe) {
            return ExitCode::SUCCESS;
        }
        let unstarted = error.is::<Unstarted>();
        let said: Vec<String> = error.chain().skip(usize::from(unstarted)).map(ToString::to_string).collect();
        let _ = writeln!(std::io::stderr(), "wasgi: {}", said.join(": ").replace('\n', " "));
        ExitCode::from(if unstarted { 2 } else { 1 })
    })
}

/// Help goes to standard output; what was typed wrongly is one line and exit code 2.
fn usage(error: &clap::Error) -> ExitCode {
    let is_help = !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_help {
        let _ = error.print();
        return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
    }
    let text = error.render().to_string();
    let said = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let said: Vec<&str> = said.lines().map(str::trim).collect();
    let _ = writeln!(std::io::stderr(), "wasgi: {} (see --help)", said.join(" "));
    ExitCode::from(2)
}

/// A file that a command was given, if it is there.
fn existing(path: &std::path::Path) -> anyhow::Result<()> {
    let found = std::fs::metadata(path).map(drop);
    anyhow::Context::with_context(found, || format!("can't find {}", path.display())).map_err(|e| e.context(Unstarted))
}

/// A moving line while something takes long; where no terminal is, nothing.
fn working(what: &str) -> impl Drop + use<> {
    struct Working(indicatif::ProgressBar);
    impl Drop for Working {
        fn drop(&mut self) {
            self.0.finish_and_clear();
        }
    }
    let line = indicatif::ProgressBar::new_spinner().with_message(what.to_owned());
    line.enable_steady_tick(std::time::Duration::from_millis(100));
    Working(line)
}

/// A runtime for commands that serve or call.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    anyhow::Context::context(runtime.enable_all().build(), "starting the runtime")
}
