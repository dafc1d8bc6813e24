//! The asker's end of the socket: blocking, as it is a command's.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Answer, Question};
use crate::apps::AppKey;
use crate::deploy::Status;
use crate::{socket, state};

/// How long the server may take for its answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// The state of what the server with this state folder (see [`state::find`]) serves.
///
/// # Errors
/// Where no server runs, or it can't answer.
pub fn status(folder: &Path) -> Result<Status> {
    let mut answer = ask(folder, &Question::Status)?;
    let mut line = String::new();
    answer.read_line(&mut line).context("the server's answer broke off")?;
    serde_json::from_str(&line).context("the server's answer can't be understood (is it another version of wasgi?)")
}

/// Copies the end of an application's log to `out`, and where `follow`, goes on with what is added, until either end
/// goes away.
///
/// # Errors
/// Where no server runs, or it knows no such application.
pub fn logs(folder: &Path, application: &AppKey, follow: bool, mut out: impl Write) -> Result<()> {
    let AppKey { tenant, name } = application.clone();
    let question = Question::Logs { tenant, application: name, follow };
    let mut answer = ask(folder, &question)?;
    answer.get_ref().set_read_timeout(None)?;
    loop {
        let text = answer.fill_buf().context("the log broke off")?;
        if text.is_empty() {
            return Ok(());
        }
        let written = out.write_all(text).and_then(|()| out.flush());
        let count = text.len();
        answer.consume(count);
        match written {
            // Whoever read it has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other.context("can't write the log")?,
        }
    }
}

fn ask(folder: &Path, question: &Question) -> Result<BufReader<UnixStream>> {
    let served = state::served_by(folder);
    let nobody = || format!("no server is running for {} (start one with `wasgi serve`)", served.display());
    let mut stream = socket::connect(folder).with_context(nobody)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line).context("the server does not listen")?;
    let mut answer = BufReader::new(stream);
    let mut line = String::new();
    answer.read_line(&mut line).context("the server does not answer")?;
    match serde_json::from_str(&line).context("the server's answer can't be understood")? {
        Answer::Good => Ok(answer),
        Answer::Bad(reason) => bail!(reason),
    }
}
