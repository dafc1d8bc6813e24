"""stdout and stderr: what `print` and loggers write, in the application's log."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import Any

#: Those whose last line has no end yet.
unended: set[Stream] = set()

#: Who else gets what is written.
listeners: list[Callable[[str], object]] = []


class Stream(io.TextIOWrapper):
    """One of the two. It sends whole lines."""

    def write(self, value: str) -> int:
        written = super().write(value)
        if value[-1:] == "\n":
            unended.discard(self)
        elif value:
            unended.add(self)
        for listener in listeners:
            listener(value)
        return written


def install() -> None:
    """Takes the place of the toolchain's, which have no buffer: a host call for each argument of print()."""
    for name in ("stdout", "stderr"):
        before: Any = getattr(sys, name)
        raw = io.FileIO(before.fileno(), "w", closefd=False)
        raw.name = f"<{name}>"
        stream = Stream(raw, before.encoding, before.errors, "\n", line_buffering=True)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def end() -> None:
    """Ends the lines that were begun: what comes next may be another request's."""
    while unended:
        stream = unended.pop()
        try:
            stream.write("\n")
        except BaseException:
            pass  # an application has closed it
