//! The end of a log file, and what is added to it, also after it was moved away and begun anew.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};

/// How much of a log is shown before what is added to it, in bytes: some hundred lines.
const SHOWN: u64 = 64 << 10;

pub(super) struct Tail {
    path: PathBuf,
    file: Option<File>,
}

impl Tail {
    /// Opens the log at `path`, near its end and at the beginning of a line; nothing if there is no such file.
    pub(super) async fn open(path: PathBuf) -> io::Result<Option<Self>> {
        let mut file = match File::open(&path).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.metadata().await?.len();
        if length > SHOWN {
            // From one byte before, so that a line that begins right there is shown.
            file.seek(SeekFrom::Start(length - SHOWN - 1)).await?;
            while file.read_u8().await? != b'\n' {}
        }
        Ok(Some(Self { path, file: Some(file) }))
    }

    /// A log that has not begun yet.
    pub(super) fn begin(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Reads on; 0 means that there is nothing more at present.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(file) = &mut self.file {
            let count = file.read(buffer).await?;
            if count > 0 || !moved_away(file, &self.path).await? {
                return Ok(count);
            }
            // What came between that read and the move; once another file has the name, nothing more comes.
            let count = file.read(buffer).await?;
            if count > 0 {
                return Ok(count);
            }
        }
        self.file = File::open(&self.path).await.ok();
        match &mut self.file {
            Some(file) => file.read(buffer).await,
            None => Ok(0),
        }
    }
}

/// Whether another file has the name `path` by now.
async fn moved_away(file: &File, path: &Path) -> io::Result<bool> {
    let there = tokio::fs::metadata(path).await;
    let own = file.metadata().await?;
    Ok(there.is_ok_and(|there| (there.dev(), there.ino()) != (own.dev(), own.ino())))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(tail: &mut Tail) -> String {
        let mut buffer = vec![0; 1 << 20];
        let count = tail.read(&mut buffer).await.unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn it_follows_a_log_that_is_moved_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        assert!(Tail::open(path.clone()).await.unwrap().is_none());
        let mut early = Tail::begin(path.clone());
        assert_eq!(read(&mut early).await, "");
        std::fs::write(&path, "one\n").unwrap();
        let mut tail = Tail::open(path.clone()).await.unwrap().unwrap();
        assert_eq!((read(&mut tail).await, read(&mut early).await), ("one\n".into(), "one\n".into()));
        assert_eq!(read(&mut tail).await, "");
        std::fs::rename(&path, dir.path().join("a.log.1")).unwrap();
        assert_eq!(read(&mut tail).await, "");
        std::fs::write(&path, "two\n").unwrap();
        assert_eq!(read(&mut tail).await, "two\n");
    }

    #[test]
    fn what_is_added_just_before_the_log_is_moved_away_is_read() {
        // One thread reads files, so that what it is given to do is done in that order.
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let (path, away) = (dir.path().join("a.log"), dir.path().join("a.log.1"));
            std::fs::write(&path, "one\n").unwrap();
            let mut tail = Tail::open(path.clone()).await.unwrap().unwrap();
            assert_eq!(read(&mut tail).await, "one\n");
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let waiting = tokio::task::spawn_blocking(move || wait.recv());
            let text = {
                let mut reading = std::pin::pin!(read(&mut tail));
                let pending = std::future::poll_fn(|cx| std::task::Poll::Ready(reading.as_mut().poll(cx).is_pending()));
                assert!(pending.await, "it reads, behind what waits");
                let rotating = tokio::task::spawn_blocking(move || {
                    std::fs::write(&path, "one\ntwo\n")?;
                    std::fs::rename(&path, away)?;
                    std::fs::write(&path, "three\n")
                });
                go.send(()).unwrap();
                let text = reading.await;
                rotating.await.unwrap().unwrap();
                text
            };
            waiting.await.unwrap().unwrap();
            assert_eq!((text, read(&mut tail).await), ("two\n".into(), "three\n".into()));
        });
    }

    #[tokio::test]
    async fn it_begins_with_a_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        for lines in [10_000, 10_001, 10_010] {
            std::fs::write(&path, "0123456\n".repeat(lines) + &"x\n".repeat(lines % 7)).unwrap();
            let mut tail = Tail::open(path.clone()).await.unwrap().unwrap();
            let text = read(&mut tail).await;
            assert!(text.starts_with("0123456\n") && text.len() as u64 <= SHOWN);
        }
    }
}
