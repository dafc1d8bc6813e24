"""Records what the application reads while it is imported and what is frozen then: its environment, and randomness."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Place = tuple[str, int]

#: Modules that read on somebody's behalf.
BETWEEN = {"os", "_collections_abc", "collections.abc", "random", "secrets", "uuid", __name__}


class Reads:
    """What was read, and where: each variable and each place once, in the order of the reads."""

    def __init__(self) -> None:
        self.environment: dict[tuple[str, Place], None] = {}
        self.randomness: dict[Place, None] = {}


@contextmanager
def recorded() -> Iterator[Reads]:
    """Records while it is open."""
    reads = Reads()
    kind: Any = type(os.environ)
    getitem = kind.__getitem__
    urandom = os.urandom

    def recording_getitem(self: Any, key: Any) -> Any:
        place = _reader(("/app/", "/packages/"))
        if place is not None:
            reads.environment[os.fsdecode(key), place] = None
        return getitem(self, key)

    def recording_urandom(size: int) -> bytes:
        place = _reader(("/app/",))
        if place is not None:
            reads.randomness[place] = None
        return urandom(size)

    kind.__getitem__ = recording_getitem
    os.urandom = random._urandom = recording_urandom  # type: ignore[attr-defined]
    try:
        yield reads
    finally:
        kind.__getitem__ = getitem
        os.urandom = random._urandom = urandom  # type: ignore[attr-defined]


def _reader(folders: tuple[str, ...]) -> Place | None:
    """The file and line that reads, if it lies in one of the folders. What the standard library reads is its own."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") in BETWEEN and frame.f_back is not None:
        frame = frame.f_back
    file = frame.f_code.co_filename
    return (file, frame.f_lineno) if file.startswith(folders) else None
