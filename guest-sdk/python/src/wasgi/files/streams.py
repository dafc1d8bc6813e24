"""Streams over files in memory: `open` and what it gives.

The buffering and decoding are io's own; only the raw stream at the bottom is of this package.
"""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Callable
from typing import Any

from .tree import Directory, File, Tree, error

BUFFER = 64 * 1024
#: The bits of open's flags that say which way; WASI's values are not POSIX's usual 0, 1 and 2.
ACCESS = os.O_RDONLY | os.O_WRONLY | os.O_RDWR


class RawFile(io.RawIOBase):
    """A position in a file: what a file descriptor is to the system."""

    def __init__(self, file: File, path: object, flags: int) -> None:
        self.name: Any = path
        self.mode = "rb+"
        self._file = file
        self._path = path
        self._position = 0
        self._append = bool(flags & os.O_APPEND)
        self._readable = flags & ACCESS != os.O_WRONLY
        self._writable = flags & ACCESS != os.O_RDONLY
        # A reader keeps what it decompressed, so that reading in pieces does it once.
        self._data: bytes | bytearray = b"" if self._writable else file.read()
        self.fd: int | None = None
        self.on_close: Callable[[], object] | None = None

    @property
    def file(self) -> File:
        """The file."""
        return self._file

    def readable(self) -> bool:
        return self._readable

    def writable(self) -> bool:
        return self._writable

    def seekable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        if self.fd is None:
            raise io.UnsupportedOperation("fileno: a file in memory has no file descriptor")
        return self.fd

    def readinto(self, buffer: Any) -> int:
        self._need(self._readable, "not readable")
        data = self._file.edit() if self._writable else self._data
        chunk = data[self._position : self._position + len(buffer)]
        buffer[: len(chunk)] = chunk
        self._position += len(chunk)
        return len(chunk)

    def readall(self) -> bytes:
        self._need(self._readable, "not readable")
        data = self._file.edit() if self._writable else self._data
        chunk = bytes(data[self._position :])
        self._position += len(chunk)
        return chunk

    def write(self, buffer: Any) -> int:
        self._need(self._writable, "not writable")
        chunk = bytes(buffer)
        data = self._file.edit()
        if self._append:
            self._position = len(data)
        if self._position > len(data):
            data.extend(bytes(self._position - len(data)))
        data[self._position : self._position + len(chunk)] = chunk
        self._position += len(chunk)
        self._touch(data)
        return len(chunk)

    def truncate(self, size: int | None = None) -> int:
        self._need(self._writable, "not writable")
        size = self._position if size is None else size
        data = self._file.edit()
        del data[size:]
        data.extend(bytes(size - len(data)))
        self._touch(data)
        return size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._need(True, "")
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._file.size}[whence]
        if start + offset < 0:
            raise error(errno.EINVAL, self._path)
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        self._need(True, "")
        return self._position

    def close(self) -> None:
        if not self.closed:
            super().close()
            if self.on_close:
                self.on_close()

    def _need(self, can: bool, otherwise: str) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if not can:
            raise io.UnsupportedOperation(otherwise)

    def _touch(self, data: bytearray) -> None:
        self._file.size = len(data)
        self._file.mtime = time.time()


def open_raw(tree: Tree, path: object, flags: int) -> RawFile:
    """What open(2) does: finds or makes the file, and gives a position in it."""
    writing = flags & ACCESS != os.O_RDONLY
    try:
        node = tree.find(path)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
        node = tree.create(path)
    else:
        if flags & os.O_CREAT and flags & os.O_EXCL:
            raise error(errno.EEXIST, path)
        if isinstance(node, Directory):
            raise error(errno.EISDIR, path)
        if writing:
            tree.parent(path)
    if writing and flags & os.O_TRUNC:
        node.edit().clear()
        node.size = 0
    return RawFile(node, path, flags)


def parse_mode(mode: str) -> tuple[int, bool]:
    """open's mode as flags of open(2), and whether it is binary. ValueError as open raises it."""
    letters = set(mode)
    if letters - set("rwxabt+U") or len(mode) > len(letters):
        raise ValueError(f"invalid mode: {mode!r}")
    if len(letters & set("rwxa")) != 1:
        raise ValueError("must have exactly one of create/read/write/append mode")
    if {"t", "b"} <= letters:
        raise ValueError("can't have text and binary mode at once")
    access = os.O_RDWR if "+" in letters else os.O_RDONLY if "r" in letters else os.O_WRONLY
    made = {
        "r": 0,
        "w": os.O_CREAT | os.O_TRUNC,
        "x": os.O_CREAT | os.O_EXCL,
        "a": os.O_CREAT | os.O_APPEND,
    }
    return access | made[(letters & set("rwxa")).pop()], "b" in letters


def dress(
    raw: RawFile,
    mode: str,
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> Any:
    """The stream that open gives of a raw one: buffered, and decoded unless the mode is binary."""
    flags, binary = parse_mode(mode)
    if binary and (encoding is not None or errors is not None or newline is not None):
        raise ValueError("binary mode doesn't take an encoding, errors or newline argument")
    raw.mode = mode
    if buffering == 0:
        if not binary:
            raise ValueError("can't have unbuffered text I/O")
        return raw
    size = buffering if buffering > 1 else BUFFER
    buffer: Any
    if flags & ACCESS == os.O_RDWR:
        buffer = io.BufferedRandom(raw, size)
    elif flags & ACCESS == os.O_WRONLY:
        buffer = io.BufferedWriter(raw, size)
    else:
        buffer = io.BufferedReader(raw, size)
    if binary:
        return buffer
    text = io.TextIOWrapper(buffer, encoding or "utf-8", errors, newline, line_buffering=buffering == 1)
    text.mode = mode  # type: ignore[misc]
    return text
