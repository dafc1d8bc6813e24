"""Records which environment variables are read while the application is imported: their values are frozen then."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Modules that read on somebody's behalf.
BETWEEN = {"os", "_collections_abc", "collections.abc", __name__}


@contextmanager
def recorded() -> Iterator[list[dict[str, Any]]]:
    """Gives a list that is filled with each variable that the project or a dependency reads, once for each place."""
    reads: list[dict[str, Any]] = []
    seen: set[tuple[str, str, int]] = set()
    kind: Any = type(os.environ)
    before = kind.__getitem__

    def getitem(self: Any, key: Any) -> Any:
        place = _reader()
        if place is not None:
            name = os.fsdecode(key)
            if (name, *place) not in seen:
                seen.add((name, *place))
                reads.append({"name": name, "file": place[0], "line": place[1]})
        return before(self, key)

    kind.__getitem__ = getitem
    try:
        yield reads
    finally:
        kind.__getitem__ = before


def _reader() -> tuple[str, int] | None:
    """The file and line that reads, unless it is the standard library's: what that reads is not the application's."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in BETWEEN:
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None:
        return None
    file = frame.f_code.co_filename
    return (file, frame.f_lineno) if file.startswith(("/app/", "/packages/")) else None
