"""The tree of directories and files in memory, and the errors of looking for something in it.

It knows nothing of streams, file descriptors or patches.
"""

from __future__ import annotations

import errno
import os
import stat
import time
import zlib
from collections.abc import Iterator

BLOCK = 512


class File:
    """One file: bytes as they are, bytes compressed until they are first read, or a bytearray once it is written."""

    __slots__ = ("_data", "_packed", "inode", "mode", "mtime", "size")

    def __init__(self, data: bytes, mtime: float, inode: int, *, pack: bool = False) -> None:
        self.size = len(data)
        self.mode = stat.S_IFREG | 0o644
        self.mtime = mtime
        self.inode = inode
        packed = zlib.compress(data, 9) if pack else data
        self._packed = len(packed) < len(data)
        self._data: bytes | bytearray = packed if self._packed else data

    def read(self) -> bytes | bytearray:
        """The contents. What was compressed stays so: most files are read once in an instance's life, or never."""
        return zlib.decompress(self._data) if self._packed else self._data

    def edit(self) -> bytearray:
        """The contents, to be changed; `size` is the caller's to keep."""
        if not isinstance(self._data, bytearray):
            self._data, self._packed = bytearray(self.read()), False
        return self._data


class Directory:
    """One directory."""

    __slots__ = ("entries", "inode", "mode", "mtime", "size")

    def __init__(self, mtime: float, inode: int) -> None:
        self.entries: dict[str, Node] = {}
        self.size = 0
        self.mode = stat.S_IFDIR | 0o755
        self.mtime = mtime
        self.inode = inode


Node = File | Directory


class Tree:
    """Directories and files under absolute paths; the part below `writable` can be changed."""

    def __init__(self, writable: str = "/tmp") -> None:
        self._inodes = 1
        self.root = Directory(time.time(), 1)
        self.cwd = "/"
        self.writable = writable
        self.make_directory(writable)

    def split(self, path: object) -> list[str]:
        """The names that lead to a path. `..` is taken as text: there are no links here."""
        text = os.fsdecode(path)  # type: ignore[arg-type]
        if "\0" in text:
            raise ValueError("embedded null byte")
        if not text.startswith("/"):
            if not text:
                raise error(errno.ENOENT, path)
            text = f"{self.cwd}/{text}"
        names: list[str] = []
        for name in text.split("/"):
            if name == "..":
                if names:
                    names.pop()
            elif name and name != ".":
                names.append(name)
        return names

    def holds(self, path: object) -> bool:
        """Whether a path is this tree's to answer for: what its first name leads to is here."""
        try:
            names = self.split(path)
        except (OSError, TypeError, ValueError):
            return False
        return not names or names[0] in self.root.entries

    def find(self, path: object) -> Node:
        """What is at a path. FileNotFoundError or NotADirectoryError otherwise."""
        node: Node = self.root
        for name in self.split(path):
            if not isinstance(node, Directory):
                raise error(errno.ENOTDIR, path)
            child = node.entries.get(name)
            if child is None:
                raise error(errno.ENOENT, path)
            node = child
        if isinstance(node, File) and os.fsdecode(path).endswith("/"):  # type: ignore[arg-type]
            raise error(errno.ENOTDIR, path)
        return node

    def directory(self, path: object) -> Directory:
        """The directory at a path."""
        node = self.find(path)
        if not isinstance(node, Directory):
            raise error(errno.ENOTDIR, path)
        return node

    def parent(self, path: object) -> tuple[Directory, str]:
        """The directory that a path lies in, which may be changed, and the path's last name."""
        names = self.split(path)
        if not names:
            raise error(errno.EBUSY, path)
        if "/" + names[0] != self.writable or len(names) == 1:
            raise error(errno.EROFS, path)
        return self.directory("/" + "/".join(names[:-1])), names[-1]

    def create(self, path: object) -> File:
        """A new, empty file."""
        directory, name = self.parent(path)
        directory.mtime = time.time()
        file = File(b"", directory.mtime, self._inode())
        directory.entries[name] = file
        return file

    def make_directory(self, path: str) -> Directory:
        """The directory at an absolute path, made with all that lead to it."""
        directory = self.root
        for name in self.split(path):
            child = directory.entries.setdefault(name, Directory(time.time(), self._inode()))
            if not isinstance(child, Directory):
                raise error(errno.EEXIST, path)
            directory = child
        return directory

    def add(self, path: str, data: bytes, mtime: float) -> None:
        """Puts a file there, whether the path can be written or not."""
        parent, _, name = path.rpartition("/")
        self.make_directory(parent or "/").entries[name] = File(data, mtime, self._inode(), pack=True)

    def files(self, top: str = "/") -> Iterator[tuple[str, File]]:
        """Each file below a directory, with its path."""
        for name, node in self.directory(top).entries.items():
            path = f"{top.rstrip('/')}/{name}"
            if isinstance(node, File):
                yield path, node
            else:
                yield from self.files(path)

    def _inode(self) -> int:
        self._inodes += 1
        return self._inodes


def error(number: int, path: object) -> OSError:
    """The OSError of a number, which names what the application may do where the system's words don't."""
    text = os.strerror(number)
    if number == errno.EROFS:
        text += " (a component can write below /tmp only, and that lives as long as its instance)"
    return OSError(number, text, path if isinstance(path, str | bytes) else str(path))


def status(node: Node) -> os.stat_result:
    """What stat tells of a node."""
    mtime = int(node.mtime)
    nanos = int(node.mtime * 1e9)
    extra = {"st_atime_ns": nanos, "st_mtime_ns": nanos, "st_ctime_ns": nanos}
    extra |= {"st_blksize": 4096, "st_blocks": -(-node.size // BLOCK), "st_rdev": 0}
    times = {"st_atime": node.mtime, "st_mtime": node.mtime, "st_ctime": node.mtime}
    fields = (node.mode, node.inode, 1, 1, 0, 0, node.size, mtime, mtime, mtime)
    return os.stat_result(fields, times | extra)
