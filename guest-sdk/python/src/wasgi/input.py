"""`wsgi.input`: the request's body."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from .wit import Environ, Err

BUFFER = 64 * 1024

#: What the client did, by the name of the case in `gateway.input-error`.
REASONS = {
    "Truncated": "the client stopped sending before the body's end",
    "TooLarge": "the body is larger than this application's limit",
    "TimedOut": "the client sent nothing within the time limit",
}


class InputError(OSError):
    """The request's body can't be read any further, by the client's doing. The client is told so by the host."""


class Raw(io.RawIOBase):
    """The body as the host hands it over: a stream that io's buffers can stand on."""

    def __init__(self, environ: Environ) -> None:
        self._environ: Environ | None = environ

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._environ is None:
            raise ValueError("wsgi.input was read after its request had ended")
        try:
            chunk = self._environ.input(len(buffer))
        except Err as error:
            raise _reason(error.value) from None
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def release(self) -> None:
        """The request is over, and its handle with it."""
        self._environ = None


class Input:
    """What applications get: io's BufferedReader, made when it is first used, since most requests have no body."""

    __slots__ = ("_environ", "_raw", "_reader")

    def __init__(self, environ: Environ) -> None:
        self._environ: Environ | None = environ
        self._raw: Raw | None = None
        self._reader: io.BufferedReader | None = None

    def read(self, size: int | None = -1) -> bytes:
        """Reads at most so many bytes, or all."""
        return (self._reader or self._open()).read(size)

    def readline(self, size: int | None = -1) -> bytes:
        """Reads one line, at most so many bytes of it."""
        return (self._reader or self._open()).readline(size)

    def readlines(self, hint: int = -1) -> list[bytes]:
        """Reads lines, all or about so many bytes of them."""
        return (self._reader or self._open()).readlines(hint)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._reader or self._open())

    def __next__(self) -> bytes:
        return next(self._reader or self._open())

    def __getattr__(self, name: str) -> Any:
        # read1, readinto, peek … : what io.BufferedReader has beyond PEP 3333.
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._reader or self._open(), name)

    def close(self) -> None:
        """Does nothing: PEP 3333 has applications not close it."""

    def release(self) -> None:
        """The request is over, and its handle with it."""
        self._environ = None
        if self._raw is not None:
            self._raw.release()

    def _open(self) -> io.BufferedReader:
        if self._environ is None:
            raise ValueError("wsgi.input was read after its request had ended")
        self._raw = Raw(self._environ)
        self._reader = io.BufferedReader(self._raw, BUFFER)
        return self._reader


def _reason(case: Any) -> InputError:
    said = getattr(case, "value", None)
    name = type(case).__name__.removeprefix("InputError").lstrip("_")
    return InputError(f"the body is malformed: {said}" if said is not None else REASONS.get(name, name))
