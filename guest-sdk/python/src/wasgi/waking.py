"""From the snapshot to an instance: what is kept over it, and what must be made anew before the first request."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable
from typing import Any

from . import handles, lasting, randomness, room

#: Whether this memory is a snapshot that no instance has woken from yet.
asleep = False

_environment: dict[str, str] = {}


def fall_asleep(objects: str, open: Callable[..., Any]) -> None:
    """The last thing before the snapshot. Which objects last is noted in the file `objects`."""
    global asleep
    # The toolchain empties os.environ; what the build or the application set stays the default of every instance.
    _environment.update(os.environ)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # perhaps the application's own
            stream.reconfigure(write_through=False, line_buffering=True)
    # Collections in instances don't look at, and so don't copy, the memory that they share.
    gc.collect()
    lasting.note(objects, open)
    room.fill()
    gc.freeze()
    handles.take_over()
    asleep = True


def wake() -> None:
    """The first thing in an instance. By now the toolchain has put the host's environment into os.environ."""
    global asleep
    asleep = False
    handles.give_back()
    for name, value in _environment.items():
        os.environ.setdefault(name, value)
    randomness.wake()
