//! What a server uses of the machine when nothing is asked of it, by what it is for.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::anonymous;
use crate::support::site::Server;
use crate::support::wait_until_still;

/// Instances that the server of [`Level::is_as`] has places for.
pub const INSTANCES: u64 = 100;
/// What a place keeps of the memory of its last instance, in KiB: of its memory, and of its tables.
const KEPT_MEMORY: u64 = (2 << 10) + 64;
/// … and at most of its stack, which stays as deep as it once was, with the host's functions above it: all of the mapping.
const STACK: u64 = 3 << 10;
/// What stands for a memory's initial bytes: a place keeps that of its last instance open.
const IMAGE: &str = "/memfd:wasm-memory-image (deleted)";

/// What there is at one moment. Memory is in KiB, and its own: no file's.
#[derive(Debug)]
pub struct Level {
    /// Kept ready for the memories of the next instances, beyond what they begin with.
    places: u64,
    /// Kept ready for their stacks.
    stacks: u64,
    /// All other memory.
    memory: u64,
    /// Open images of memories.
    images: usize,
    /// All other open files.
    pub files: usize,
    threads: usize,
    children: usize,
}

impl Level {
    /// Waits until it is still.
    pub fn of(server: &Server) -> Level {
        wait_until_still("memory", Duration::from_secs(2), || anonymous(server) >> 14);
        let of_it = |what: &str| format!("/proc/{}/{what}", server.pid());
        let (mut places, mut stacks, mut memory) = (0, 0, 0);
        for mapping in mappings(&fs::read_to_string(of_it("smaps")).expect("its memory")) {
            *match (mapping.has_rights, mapping.size) {
                (false, _) => &mut places,
                (true, STACK) => &mut stacks,
                (true, _) => &mut memory,
            } += mapping.own;
        }
        let (images, files) = open(server);
        let threads: Vec<_> = fs::read_dir(of_it("task")).expect("its threads").flatten().collect();
        let children = threads.iter().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        Level {
            places,
            stacks,
            memory,
            images,
            files,
            threads: threads.len(),
            children: children.map(|children| children.split_whitespace().count()).sum(),
        }
    }

    /// Asserts that a server with [`INSTANCES`] is what it was `before`, but for what it may keep for its next instances.
    #[track_caller]
    pub fn is_as(&self, before: &Level) {
        assert_eq!(self.children, 0, "children are left");
        assert!(self.files <= before.files + 4, "files are left: {before:?} {self:?}");
        // tokio's own threads for what blocks come and go.
        assert!(self.threads <= before.threads + 4, "threads are left: {before:?} {self:?}");
        // What an allocator has once had of the system it mostly keeps.
        assert!(self.memory <= before.memory + (32 << 10), "memory is left: {before:?} {self:?}");
        assert!(self.places <= INSTANCES * KEPT_MEMORY, "more is kept of memories than may be: {self:?}");
        assert!(self.stacks <= INSTANCES * STACK, "more is kept of stacks than may be: {self:?}");
        assert!(self.images as u64 <= INSTANCES, "more images are open than there are places: {self:?}");
    }
}

/// How many files a server has open, beside what its places keep.
pub fn files(server: &Server) -> usize {
    open(server).1
}

/// How many images of memories and how many other files it has open.
fn open(server: &Server) -> (usize, usize) {
    let links = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("its files").flatten();
    let files: Vec<_> = links.filter_map(|link| fs::read_link(link.path()).ok()).collect();
    let images = files.iter().filter(|file| *file == Path::new(IMAGE)).count();
    (images, files.len() - images)
}

/// One line of a process's map.
struct Mapping {
    /// Whether it may be read, written or run: what an instance that is gone had grown its memory to may not.
    has_rights: bool,
    /// How large it is, in KiB.
    size: u64,
    /// What of it is in memory, and no file's, in KiB.
    own: u64,
}

/// What proc_pid_smaps(5) says.
fn mappings(smaps: &str) -> Vec<Mapping> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let (Some(first), Some(second)) = (words.next(), words.next()) else { continue };
        match (first, mappings.last_mut()) {
            ("Size:", Some(mapping)) => mapping.size = second.parse().expect("a number"),
            ("Anonymous:", Some(mapping)) => mapping.own = second.parse().expect("a number"),
            (range, _) if !range.ends_with(':') => {
                mappings.push(Mapping { has_rights: second != "---p", size: 0, own: 0 });
            }
            _ => {}
        }
    }
    mappings
}
