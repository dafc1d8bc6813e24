"""Records what the application reads before the snapshot and what is frozen then: its environment, and randomness."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

#: Where the project lies in the guest, its dependencies, and the standard library.
APP = "/app/"
PACKAGES = "/packages/"
LIBRARY = "/python/"

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
        """The variables that were read since it was last taken, before the application had set them itself."""
        taken, self.environment = self.environment, {}
        return list(taken)


@contextmanager
def recorded() -> Iterator[Reads]:
    """Records while it is open."""
    reads = Reads()
    kind: Any = type(os.environ)
    getitem, setitem, setdefault = kind.__getitem__, kind.__setitem__, kind.setdefault
    urandom = os.urandom

    def recording_getitem(self: Any, key: Any) -> Any:
        frame, name = _reader(), os.fsdecode(key)
        if name not in reads.own and frame.f_code.co_filename.startswith((APP, PACKAGES)):
            reads.environment[name, _place(frame)] = None
        return getitem(self, key)

    def recording_setitem(self: Any, key: Any, value: Any) -> None:
        setitem(self, key, value)
        reads.own.add(os.fsdecode(key))

    def recording_setdefault(self: Any, key: Any, value: Any) -> Any:
        # That there is none is no read: what is set then is the application's own.
        try:
            getitem(self, key)
        except KeyError:
            self[key] = value
        return self[key]

    def recording_urandom(size: int) -> bytes:
        frame = _reader()
        # A package that is called for a secret, or by the standard library, reads for who calls it; one that is being
        # imported, for itself: importlib's frames are frozen ones.
        while frame.f_code.co_filename.startswith((PACKAGES, LIBRARY)) and frame.f_back is not None:
            frame = frame.f_back
        if frame.f_code.co_filename.startswith(APP):
            reads.randomness[_place(frame)] = None
        return urandom(size)

    kind.__getitem__, kind.__setitem__, kind.setdefault = recording_getitem, recording_setitem, recording_setdefault
    os.urandom = random._urandom = recording_urandom  # type: ignore[attr-defined]
    try:
        yield reads
    finally:
        kind.__getitem__, kind.__setitem__, kind.setdefault = getitem, setitem, setdefault
        os.urandom = random._urandom = urandom  # type: ignore[attr-defined]


def _reader() -> FrameType:
    """The frame that reads. What the standard library reads is its own."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") in BETWEEN and frame.f_back is not None:
        frame = frame.f_back
    return frame


def _place(frame: FrameType) -> Place:
    return frame.f_code.co_filename, frame.f_lineno
