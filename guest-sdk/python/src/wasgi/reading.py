"""Records what the application reads before the snapshot and what is frozen then: its environment, and randomness."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

#: Where the project lies in the guest, and its dependencies.
APP = "/app/"
PACKAGES = "/packages/"

Place = tuple[str, int]

#: Modules that read on somebody's behalf.
BETWEEN = {"os", "_collections_abc", "collections.abc", "random", "secrets", "uuid", __name__}


class Reads:
    """What was read, and where: each variable and each place once, in the order of the reads."""

    def __init__(self) -> None:
        self.environment: dict[tuple[str, Place], None] = {}
        self.randomness: dict[Place, None] = {}
        self.own: set[str] = set()

    def take_environment(self) -> list[tuple[str, Place]]:
        """The variables that were read since it was last taken, without those that the application has set itself."""
        taken, self.environment = self.environment, {}
        return [(name, place) for name, place in taken if name not in self.own]


@contextmanager
def recorded() -> Iterator[Reads]:
    """Records while it is open."""
    reads = Reads()
    kind: Any = type(os.environ)
    getitem, setitem = kind.__getitem__, kind.__setitem__
    urandom = os.urandom

    def recording_getitem(self: Any, key: Any) -> Any:
        frame = _reader()
        if frame.f_code.co_filename.startswith((APP, PACKAGES)):
            reads.environment[os.fsdecode(key), _place(frame)] = None
        return getitem(self, key)

    def recording_setitem(self: Any, key: Any, value: Any) -> None:
        setitem(self, key, value)
        reads.own.add(os.fsdecode(key))

    def recording_urandom(size: int) -> bytes:
        frame = _reader()
        # A package that is called for a secret reads for who calls it; one that is being imported, for itself.
        while frame.f_code.co_filename.startswith(PACKAGES) and frame.f_back is not None:
            frame = frame.f_back
        if frame.f_code.co_filename.startswith(APP):
            reads.randomness[_place(frame)] = None
        return urandom(size)

    kind.__getitem__, kind.__setitem__ = recording_getitem, recording_setitem
    os.urandom = random._urandom = recording_urandom  # type: ignore[attr-defined]
    try:
        yield reads
    finally:
        kind.__getitem__, kind.__setitem__ = getitem, setitem
        os.urandom = random._urandom = urandom  # type: ignore[attr-defined]


def _reader() -> FrameType:
    """The frame that reads. What the standard library reads is its own."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") in BETWEEN and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _place(frame: FrameType) -> Place:
    return frame.f_code.co_filename, frame.f_lineno
