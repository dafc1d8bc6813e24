//! What a confined thread can do, and what it can't. A policy binds the thread that asks for it and those that it starts,
//! so each test confines one of its own.

use std::io::ErrorKind::PermissionDenied;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::{fs, io, thread};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SendFlags, SocketType, sendto, socket};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::UnshareFlags;

use super::*;

/// Confines a thread to a folder that it reads, one that is its own, and one with a log, and runs `work` in it with the
/// folder that all three are in. Not at all where the kernel can't confine it wholly.
fn confined(work: impl FnOnce(PathBuf) + Send) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    for folder in ["read", "own", "log", "other"] {
        fs::create_dir(path.join(folder)).unwrap();
        fs::write(path.join(folder).join("file"), "text").unwrap();
    }
    let mut reach = Reach { read: vec![path.join("read")], own: vec![path.join("own")], ..Reach::default() };
    reach.appends_again(&path.join("log/file"));
    let confined = || match confine_server(Confinement::AsFarAsPossible, &reach).unwrap() {
        None => work(path),
        Some(missing) => println!("skipped, as this kernel has {missing}"),
    };
    thread::scope(|scope| scope.spawn(confined).join().unwrap());
}

#[track_caller]
fn denied<T: std::fmt::Debug>(result: io::Result<T>) {
    assert_eq!(result.unwrap_err().kind(), PermissionDenied);
}

#[test]
fn files_are_read_and_written_where_they_may_be() {
    confined(|path| {
        let file = |folder: &str| path.join(folder).join("file");
        assert_eq!(fs::read_to_string(file("read")).unwrap(), "text");
        assert_eq!(fs::read_dir(path.join("read")).unwrap().count(), 1);
        denied(fs::write(file("read"), "other"));
        denied(fs::write(path.join("read/new"), "new"));
        denied(fs::remove_file(file("read")));
        fs::write(path.join("own/new"), "new").unwrap();
        fs::rename(path.join("own/new"), file("own")).unwrap();
        assert_eq!(fs::read_to_string(file("own")).unwrap(), "new");
        fs::create_dir(path.join("own/folder")).unwrap();
        fs::remove_dir_all(path.join("own/folder")).unwrap();
        denied(symlink("/etc", path.join("own/link")));
        fs::File::options().append(true).open(file("log")).unwrap();
        fs::File::options().append(true).create(true).open(path.join("log/next")).unwrap();
        denied(fs::read(file("log")));
        denied(fs::remove_file(file("log")));
        denied(fs::read(file("other")));
        denied(fs::read_dir(path.join("other")).map(drop));
        denied(fs::write(path.join("other/new"), "new"));
        for outside in ["/etc/passwd", "/proc/1/environ", "/proc/self/../1/status", "/dev/null"] {
            denied(fs::read(outside));
        }
        fs::read("/proc/self/status").unwrap();
    });
}

#[test]
fn its_own_program_is_run_and_no_other() {
    let help = |program: &str| {
        Command::new(program).arg("--help").stdout(Stdio::piped()).spawn().and_then(Child::wait_with_output)
    };
    confined(|path| {
        assert!(help("/proc/self/exe").unwrap().status.success());
        denied(help("/bin/sh"));
        let own = path.join("own/program");
        fs::write(&own, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).unwrap();
        denied(Command::new(own).status());
    });
}

#[test]
fn it_opens_no_port_and_connects_to_nobody() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let _service = UnixListener::bind(&path).unwrap();
    confined(|_| {
        denied(TcpListener::bind("127.0.0.1:0"));
        denied(TcpStream::connect(address));
        let unconnected = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        let fast_open = SendFlags::from_bits_retain(libc::MSG_FASTOPEN.cast_unsigned());
        assert_eq!(sendto(&unconnected, b"to it", fast_open, &address).unwrap_err(), Errno::PERM);
        denied(UnixStream::connect(&path));
        denied(UdpSocket::bind("127.0.0.1:0"));
        for family in [AddressFamily::NETLINK, AddressFamily::PACKET, AddressFamily::VSOCK] {
            assert_eq!(socket(family, SocketType::DGRAM, None).unwrap_err(), Errno::PERM);
        }
    });
}

#[test]
#[expect(deprecated, reason = "what replaces it has more to say where it succeeds")]
fn other_processes_and_the_kernel_are_out_of_reach() {
    let mut other = Command::new("sleep").arg("60").spawn().unwrap();
    let pid = |child: &Child| Pid::from_child(child);
    confined(|_| {
        assert_eq!(kill_process(pid(&other), Signal::KILL), Err(Errno::PERM));
        denied(fs::read(format!("/proc/{}/environ", other.id())));
        // What it starts itself it can end: the process that compiles.
        let mut own = Command::new("/proc/self/exe").arg("--list").stdout(Stdio::piped()).spawn().unwrap();
        own.kill().unwrap();
        own.wait().unwrap();
        for flag in [UnshareFlags::NEWUSER, UnshareFlags::NEWNS, UnshareFlags::NEWNET] {
            assert_eq!(rustix::thread::unshare(flag), Err(Errno::PERM));
        }
        assert!(rustix::thread::no_new_privs().unwrap());
    });
    other.kill().unwrap();
    other.wait().unwrap();
}
