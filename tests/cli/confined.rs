//! The server itself, confined by the kernel: it does what it is for, and no more.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use crate::serving;
use crate::support::site::{Server, Site, run};
use crate::support::version::version;

/// What the kernel says of each thread of the server's.
fn threads(server: &Server) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let status = |task: PathBuf| fs::read_to_string(task.join("status")).ok();
    tasks.filter_map(|task| status(task.unwrap().path())).collect()
}

#[test]
fn every_thread_is_under_the_filter_and_gets_no_new_privileges() {
    let (site, server) = serving("");
    server.line("deployed other (", || site.put("other.wasm", version("other")));
    assert_eq!(server.text("/other"), "other");
    let threads = threads(&server);
    assert!(threads.len() > 5, "{threads:?}");
    for status in threads {
        for line in ["Seccomp:\t2", "NoNewPrivs:\t1"] {
            assert!(status.lines().any(|given| given == line), "{line} is not in {status}");
        }
    }
}

/// Files that are read again are found where they were, however they are replaced, and nowhere else.
#[test]
fn what_is_read_again_is_where_it_was() {
    let site = Site::new();
    let folders = ["etc", "log", "elsewhere"].map(|name| site.folder().join(name));
    let [etc, log, elsewhere] = &folders;
    folders.iter().for_each(|folder| fs::create_dir(folder).unwrap());
    // Beside the served directory everything is read: it lies one level deeper.
    let served = site.folder().join("srv/apps");
    fs::create_dir_all(&served).unwrap();
    fs::write(served.join("hello.wasm"), version("one")).unwrap();
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for folder in [etc, elsewhere] {
        fs::write(folder.join("cert.pem"), pair.cert.pem()).unwrap();
        fs::write(folder.join("key.pem"), pair.signing_key.serialize_pem()).unwrap();
    }
    let config = |pair: &PathBuf| {
        let text = format!("[tls]\ncert = {:?}\nkey = {:?}\n", pair.join("cert.pem"), pair.join("key.pem"));
        // Another file of its name, and not another text of the file.
        fs::write(etc.join("new"), text + &format!("[access_log]\npath = {:?}\n", log.join("access.log"))).unwrap();
        fs::rename(etc.join("new"), etc.join("host.toml")).unwrap();
    };
    config(etc);
    let mut command = crate::support::site::wasgi();
    command.arg("serve").arg(&served).args(["--listen", "127.0.0.1:0", "--state"]).arg(site.state());
    command.arg("--config").arg(etc.join("host.toml")).arg("--require-sandbox");
    let server = Server::start(command);
    server.out.after(0, "deployed hello (");
    fs::rename(log.join("access.log"), log.join("access.log.1")).unwrap();
    config(etc);
    server.signal(Signal::HUP);
    server.log.with("read again and in force");
    assert!(log.join("access.log").exists());
    config(elsewhere);
    server.signal(Signal::HUP);
    let line = server.log.with("the configuration stays as it is");
    assert!(line.contains("Permission denied") && line.contains("elsewhere"), "{line}");
}

/// Runs `work` on a thread whose kernel has no Landlock, and that of the processes that it starts.
fn without_landlock<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let call = std::collections::BTreeMap::from([(libc::SYS_landlock_create_ruleset, Vec::new())]);
    let (allow, missing) = (SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32));
    let machine = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let filter: BpfProgram = SeccompFilter::new(call, allow, missing, machine).unwrap().try_into().unwrap();
    let filtered = || {
        seccompiler::apply_filter(&filter).unwrap();
        work()
    };
    std::thread::scope(|scope| scope.spawn(filtered).join().unwrap())
}

#[test]
fn what_the_kernel_lacks_is_a_warning_or_the_end() {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let server = without_landlock(|| site.serve());
    server.up("/hello", "one");
    let line = server.log.with("less confined than it could be");
    assert!(line.contains("WARN") && line.ends_with("no restriction of files (no Landlock)"), "{line}");
    server.stop();
    let ended = without_landlock(|| run(site.command().arg("--require-sandbox")));
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
    assert!(ended.err.contains("--require-sandbox") && ended.err.contains("no Landlock"), "{ended:?}");
}
