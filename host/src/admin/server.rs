//! The server's end of the socket.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::tail::Tail;
use super::{Answer, Question};
use crate::apps::AppKey;
use crate::deploy::Deploys;
use crate::socket;

/// How many may ask at one time; the next waits.
const ASKING: usize = 32;

/// The longest question, in bytes.
const LONGEST_QUESTION: u64 = 4 << 10;

/// How long somebody who connected may take to ask.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Makes the socket of the state `folder`, where questions wait until they are [answered](serve). Must be called within a
/// runtime.
///
/// # Errors
/// Where the socket can't be made.
pub fn listen(folder: &Path) -> Result<UnixListener> {
    let failed = || format!("can't make the socket in {}", folder.display());
    let listener = socket::listen(folder).with_context(failed)?;
    listener.set_nonblocking(true).with_context(failed)?;
    UnixListener::from_std(listener).with_context(failed)
}

/// Answers what is asked of `deploys`, until the task is aborted.
pub fn serve(listener: UnixListener, deploys: Arc<Deploys>) -> JoinHandle<()> {
    tokio::spawn(accept(listener, deploys))
}

async fn accept(listener: UnixListener, deploys: Arc<Deploys>) {
    let places = Arc::new(Semaphore::new(ASKING));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: some will be closed.
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let deploys = deploys.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(stream, deploys).await {
                tracing::debug!(error = %format_args!("{error:#}"), "a question was not answered");
            }
            drop(place);
        });
    }
}

async fn answer(mut stream: UnixStream, deploys: Arc<Deploys>) -> Result<()> {
    match ask(&mut stream, &deploys).await {
        Ok(()) => Ok(()),
        Err(error) => say(&mut stream, &Answer::Bad(format!("{error:#}"))).await,
    }
}

async fn ask(stream: &mut UnixStream, deploys: &Arc<Deploys>) -> Result<()> {
    match question(stream).await? {
        Question::Status => {
            let deploys = deploys.clone();
            let status = tokio::task::spawn_blocking(move || deploys.status()).await??;
            say(stream, &Answer::Good).await?;
            say(stream, &status).await
        }
        Question::Logs { tenant, application, follow } => {
            let key = AppKey { tenant, name: application };
            let path = deploys.logs().path(&key).context("the logs are not in files")?;
            let log = Tail::open(path).await;
            let mut log = match log.with_context(|| format!("can't read the log of {key}"))? {
                Some(log) => log,
                None if exists(deploys, &key).await? => Tail::begin(deploys.logs().path(&key).unwrap_or_default()),
                None => bail!("there is no application {key}"),
            };
            say(stream, &Answer::Good).await?;
            send(stream, &mut log, follow).await
        }
    }
}

async fn exists(deploys: &Arc<Deploys>, key: &AppKey) -> Result<bool> {
    let deploys = deploys.clone();
    let status = tokio::task::spawn_blocking(move || deploys.status()).await??;
    Ok(status.applications.iter().any(|app| app.application == key.name && app.tenant == key.tenant))
}

async fn question(stream: &mut UnixStream) -> Result<Question> {
    let mut line = String::new();
    let mut reader = BufReader::new(stream.take(LONGEST_QUESTION));
    let read = tokio::time::timeout(PATIENCE, reader.read_line(&mut line));
    read.await.context("nothing was asked")?.context("can't read the question")?;
    serde_json::from_str(&line).context("the question can't be understood (is this another version of wasgi?)")
}

/// Sends what is there, and where `follow`, what is added, until the asker leaves.
async fn send(stream: &mut UnixStream, log: &mut Tail, follow: bool) -> Result<()> {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match log.read(&mut buffer).await? {
            0 if !follow => return Ok(()),
            0 if gone(stream) => return Ok(()),
            0 => tokio::time::sleep(LOOK).await,
            count => stream.write_all(buffer.get(..count).unwrap_or_default()).await?,
        }
    }
}

/// Whether the asker has closed its end: it sends nothing after its question.
fn gone(stream: &UnixStream) -> bool {
    matches!(stream.try_read(&mut [0; 16]), Ok(0))
        || matches!(stream.try_read(&mut [0; 16]), Err(error) if error.kind() != std::io::ErrorKind::WouldBlock)
}

async fn say(stream: &mut UnixStream, what: &impl serde::Serialize) -> Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    Ok(stream.write_all(&line).await?)
}
