//! The reference: a WSGI application served by gunicorn (one sync worker) on the Python of this machine. What that needs
//! comes from PyPI, in fixed versions (`reference.txt`), into a folder of the target directory, once.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Error};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// Packages, installed for this machine's Python.
pub struct Environment {
    /// The folder that they lie in.
    pub packages: PathBuf,
}

impl Environment {
    /// The environment of the project at `root`, in the directory `target`; makes it where it is not there yet.
    ///
    /// # Errors
    /// What pip could not do, or the file that can't be written.
    pub fn ready(root: &Path, target: &Path) -> io::Result<Self> {
        let lists = [
            root.join("tests/support/reference.txt"),
            root.join("examples/flask/requirements.txt"),
            root.join("examples/django/requirements.txt"),
        ];
        let wanted = lists.iter().map(fs::read_to_string).collect::<io::Result<String>>()?;
        let folder = target.join("reference");
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        let (packages, ready) = (folder.join("packages"), folder.join("ready"));
        if fs::read_to_string(&ready).is_ok_and(|text| text == wanted) {
            return Ok(Self { packages });
        }
        let _ = fs::remove_dir_all(&packages);
        let python = with_pip(&folder)?;
        let mut pip = Command::new(python);
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--target"]);
        run(pip.arg(&packages).arg("-r").arg(&lists[0]))?;
        fs::write(ready, wanted)?;
        Ok(Self { packages })
    }
}

/// A Python that has pip: the machine's, or one of an environment that is made for that.
fn with_pip(folder: &Path) -> io::Result<PathBuf> {
    if run(Command::new("python3").args(["-m", "pip", "--version"]).stdout(Stdio::null())).is_ok() {
        return Ok("python3".into());
    }
    let environment = folder.join("pip");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
    Ok(environment.join("bin/python"))
}

fn run(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(Error::other(format!("{command:?}: {status}"))) }
}

/// A server that runs until it is dropped.
pub struct Reference {
    child: Child,
    /// The process that serves; the other one only watches over it.
    pub worker: u32,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Reference {
    /// Serves `app`, `MODULE:CALLABLE`, of the folder `project`, with more variables in its environment; `through` are
    /// words of a command line that gunicorn's are put behind.
    ///
    /// # Errors
    /// What gunicorn said last, where it doesn't start.
    pub fn start(
        environment: &Environment,
        project: &Path,
        app: &str,
        variables: &[(&str, &str)],
        through: &[&str],
    ) -> io::Result<Self> {
        let gunicorn =
            ["python3", "-m", "gunicorn", "--workers", "1", "--no-control-socket", "--bind", "127.0.0.1:0", app];
        let words = [through, &gunicorn].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(project).envs(variables.iter().copied());
        command.env("PYTHONPATH", &environment.packages).env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let Some(said) = child.stderr.take() else { return Err(Error::other("gunicorn has no standard error")) };
        let mut lines = BufReader::new(said).lines();
        let mut reference = Self { child, worker: 0, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut last = String::new();
        for line in &mut lines {
            last = line?;
            // "[…] [INFO] Listening at: http://127.0.0.1:8000 (123)", "[…] [INFO] Booting worker with pid: 124"
            if let Some((_, rest)) = last.split_once("Listening at: http://") {
                let address = rest.split(' ').next().unwrap_or(rest);
                reference.address = address.parse().map_err(Error::other)?;
            }
            if let Some((_, pid)) = last.split_once("Booting worker with pid: ") {
                reference.worker = pid.trim().parse().map_err(Error::other)?;
                // What else it says must not fill the pipe.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(reference);
            }
        }
        Err(Error::other(format!("gunicorn does not start: {last}")))
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // Told to end, it ends its worker too.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}
