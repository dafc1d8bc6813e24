"""`wsgi.errors`: text for the application's log."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from .failure import text
from .wit import Environ


class Errors:
    """A text stream that hands whole lines to the host, and what is left over when it is flushed.

    Outside of its request it writes to stderr, which is the same log: loggers keep such streams.
    """

    __slots__ = ("_environ", "_rest")

    encoding = "utf-8"
    errors = "backslashreplace"
    closed = False

    def __init__(self, environ: Environ) -> None:
        self._environ: Environ | None = environ
        self._rest = ""

    def write(self, value: str) -> int:
        """Writes text; TypeError for anything else."""
        if not isinstance(value, str):
            raise TypeError(f"write() argument must be str, not {type(value).__name__}")
        lines, newline, rest = value.rpartition("\n")
        if newline:
            self._send(self._rest + lines)
            self._rest = rest
        else:
            self._rest += value
        return len(value)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes each text."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Sends what has no newline yet."""
        if self._rest:
            rest, self._rest = self._rest, ""
            self._send(rest)

    def close(self) -> None:
        """Only flushes: PEP 3333 has applications not close it."""
        self.flush()

    def isatty(self) -> bool:
        """False."""
        return False

    def readable(self) -> bool:
        """False."""
        return False

    def seekable(self) -> bool:
        """False."""
        return False

    def writable(self) -> bool:
        """True."""
        return True

    def release(self) -> Environ | None:
        """The request is over. Gives back the handle."""
        environ, self._environ = self._environ, None
        return environ

    def _send(self, lines: str) -> None:
        if self._environ is not None:
            self._environ.log(text(lines))
        else:
            sys.stderr.write(text(lines) + "\n")
