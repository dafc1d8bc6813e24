"""Puts the files in memory under the functions of `os` and `io`.

Each function here answers for paths and file descriptors in memory, and hands every other to the function that was
there before. importlib finds modules through the same functions, so imports need nothing else.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from .streams import RawFile, dress, open_raw, parse_mode
from .tree import Directory, File, Tree, error, status

#: Descriptors of files in memory begin here, far above those of the system.
FIRST_DESCRIPTOR = 1 << 20


class Entry:
    """os.DirEntry of a file in memory."""

    __slots__ = ("_node", "name", "path")

    def __init__(self, name: Any, path: Any, node: File | Directory) -> None:
        self.name = name
        self.path = path
        self._node = node

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a directory."""
        return isinstance(self._node, Directory)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether it is a file."""
        return isinstance(self._node, File)

    def is_symlink(self) -> bool:
        """False: there are none in memory."""
        return False

    def is_junction(self) -> bool:
        """False."""
        return False

    def inode(self) -> int:
        """Its number."""
        return self._node.inode

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """What os.stat tells of it."""
        return status(self._node)


class Entries:
    """What os.scandir gives: an iterator and a context manager."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[Entry]:
        return self

    def __next__(self) -> Entry:
        return next(self._entries)

    def __enter__(self) -> Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives no more entries."""
        self._entries = iter(())


class Calls:
    """The functions that take the system's place."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.open_files: dict[int, RawFile] = {}
        self.next_descriptor = FIRST_DESCRIPTOR

    # Paths

    def stat(self, path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        return self.fstat(path) if isinstance(path, int) else status(self.tree.find(path))

    def lstat(self, path: Any, *, dir_fd: int | None = None) -> os.stat_result:
        return status(self.tree.find(path))

    def access(
        self,
        path: Any,
        mode: int,
        *,
        dir_fd: int | None = None,
        effective_ids: bool = False,
        follow_symlinks: bool = True,
    ) -> bool:
        try:
            node = self.tree.find(path)
            if mode & os.W_OK:
                self.tree.parent(path)
        except OSError:
            return "/" + "/".join(self.tree.split(path)) == self.tree.writable
        return not mode & os.X_OK or isinstance(node, Directory)

    def listdir(self, path: Any = ".") -> list[Any]:
        names = list(self.tree.directory(path).entries)
        return [os.fsencode(name) for name in names] if isinstance(path, bytes) else names

    def scandir(self, path: Any = ".") -> Entries:
        entries = self.tree.directory(path).entries
        path = os.fspath(path)
        encode: Callable[[str], Any] = os.fsencode if isinstance(path, bytes) else str
        return Entries([Entry(encode(name), os.path.join(path, encode(name)), node) for name, node in entries.items()])

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        if self._exists(path):
            raise error(errno.EEXIST, path)
        self.tree.parent(path)
        self.tree.make_directory("/" + "/".join(self.tree.split(path)))

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        if self.tree.directory(path).entries:
            raise error(errno.ENOTEMPTY, path)
        directory, name = self.tree.parent(path)
        del directory.entries[name]

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        if isinstance(self.tree.find(path), Directory):
            raise error(errno.EISDIR, path)
        directory, name = self.tree.parent(path)
        del directory.entries[name]

    def rename(self, src: Any, dst: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        node = self.tree.find(src)
        source, old = self.tree.parent(src)
        target, new = self.tree.parent(dst)
        there = target.entries.get(new)
        if isinstance(there, Directory):
            raise error(errno.ENOTEMPTY if isinstance(node, Directory) and there.entries else errno.EISDIR, dst)
        del source.entries[old]
        target.entries[new] = node

    def utime(
        self, path: Any, times: Any = None, *, ns: Any = None, dir_fd: int | None = None, follow_symlinks: bool = True
    ) -> None:
        node = self.open_files[path].file if isinstance(path, int) else self.tree.find(path)
        if not isinstance(path, int):
            self.tree.parent(path)
        node.mtime = times[1] if times else ns[1] / 1e9 if ns else time.time()

    def chmod(self, path: Any, mode: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
        node = self.open_files[path].file if isinstance(path, int) else self.tree.find(path)
        if not isinstance(path, int):
            self.tree.parent(path)
        node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)

    def readlink(self, path: Any, *, dir_fd: int | None = None) -> Any:
        self.tree.find(path)
        raise error(errno.EINVAL, path)

    def chdir(self, path: Any) -> None:
        self.tree.directory(path)
        self.tree.cwd = "/" + "/".join(self.tree.split(path))

    def getcwd(self) -> str:
        return self.tree.cwd

    def getcwdb(self) -> bytes:
        return os.fsencode(self.tree.cwd)

    # Descriptors

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        raw = open_raw(self.tree, path, flags)
        raw.fd = self.next_descriptor
        raw.on_close = lambda: self.open_files.pop(raw.fileno(), None)
        self.next_descriptor += 1
        self.open_files[raw.fd] = raw
        return raw.fd

    def close(self, fd: int) -> None:
        self.open_files[fd].close()

    def read(self, fd: int, length: int) -> bytes:
        return self.open_files[fd].read(length) or b""

    def readinto(self, fd: int, buffer: Any) -> int:
        return self.open_files[fd].readinto(buffer)

    def write(self, fd: int, data: Any) -> int:
        return self.open_files[fd].write(data)

    def lseek(self, fd: int, position: int, whence: int) -> int:
        return self.open_files[fd].seek(position, whence)

    def fstat(self, fd: int) -> os.stat_result:
        return status(self.open_files[fd].file)

    def ftruncate(self, fd: int, length: int) -> None:
        self.open_files[fd].truncate(length)

    def truncate(self, path: Any, length: int) -> None:
        if isinstance(path, int):
            self.ftruncate(path, length)
        else:
            with open_raw(self.tree, path, os.O_WRONLY) as raw:
                raw.truncate(length)

    def fsync(self, fd: int) -> None:
        self.open_files[fd]

    def isatty(self, fd: int) -> bool:
        return False

    # Streams

    def open_stream(
        self,
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Callable[[Any, int], int] | None = None,
    ) -> Any:
        flags, _ = parse_mode(mode)
        if opener is not None:
            file = opener(file, flags)
        raw = self.open_files[file] if isinstance(file, int) else open_raw(self.tree, file, flags)
        return dress(raw, mode, buffering, encoding, errors, newline)

    def open_code(self, path: str) -> Any:
        return self.open_stream(path, "rb")

    def _exists(self, path: Any) -> bool:
        try:
            self.tree.find(path)
        except OSError:
            return False
        return True


#: Functions of `os` whose first argument is a path or a descriptor.
FUNCTIONS = (
    "stat lstat access listdir scandir mkdir rmdir unlink rename utime chmod readlink chdir "
    "open close read readinto write lseek fstat ftruncate truncate fsync isatty"
).split()
#: Other names of the same functions.
ALIASES = {"unlink": ("remove",), "rename": ("replace",), "fsync": ("fdatasync",)}


def install(tree: Tree) -> Callable[..., Any]:
    """Patches `os` and `io`. Gives the `open` that was there before, which reaches the system's files."""
    calls = Calls(tree)
    system = sys.modules["posix"]
    for name in FUNCTIONS:
        before = getattr(os, name, None)
        function = _choose(tree, calls, getattr(calls, name), before)
        for alias in (name, *ALIASES.get(name, ())):
            setattr(os, alias, function)
            setattr(system, alias, function)
        for capable in (os.supports_follow_symlinks, os.supports_fd, os.supports_effective_ids):
            if before in capable:
                capable.add(function)
    for name in ("getcwd", "getcwdb"):
        setattr(os, name, getattr(calls, name))
        setattr(system, name, getattr(calls, name))
    before = builtins.open
    function = _choose(tree, calls, calls.open_stream, before)
    code = _choose(tree, calls, calls.open_code, io.open_code)
    low = sys.modules["_io"]
    for module in (builtins, io, low):
        module.open = function  # type: ignore[attr-defined]
    for module in (io, low):
        module.open_code = code  # type: ignore[attr-defined]
    if "tokenize" in sys.modules:
        # It keeps the function under a name of its own.
        sys.modules["tokenize"]._builtin_open = function  # type: ignore[attr-defined]
    return before


def _choose(
    tree: Tree, calls: Calls, ours: Callable[..., Any], before: Callable[..., Any] | None
) -> Callable[..., Any]:
    """Our function for what is in memory, the one before for the rest."""

    def function(*args: Any, **options: Any) -> Any:
        path = args[0] if args else next(iter(options.values()), ".")
        here = path in calls.open_files if isinstance(path, int) else before is None or tree.holds(path)
        return ours(*args, **options) if here else before(*args, **options)  # type: ignore[misc]

    function.__name__ = ours.__name__
    function.__qualname__ = ours.__name__
    function.__doc__ = before.__doc__ if before else ours.__doc__
    return function
