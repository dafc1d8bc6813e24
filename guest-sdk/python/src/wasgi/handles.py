"""Handles of the component's resources, and bytes on their way to the host, as componentize-py 0.25.1 has them.

For each handle it makes a weakref.finalize, 5 µs in a component and three times a request, which drops the handle once
nobody holds the object. Here a handle has a known end, that of its request, so `light` takes finalize's place.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

_finalize = weakref.finalize

#: Chunks up to this size are sent without a look whether there is memory for each.
SMALL = 4096

#: There is a look whenever so many bytes of them were sent, and then for so many.
UNCHECKED = 32 * 1024
RESERVE = 64 * 1024

#: What the allocator may add to a chunk.
OVERHEAD = 32

_unchecked = 0


def light(instance: Any, drop: Callable[[int, int], None], kind: int, handle: int) -> tuple[Any, int, int]:
    """What the toolchain calls for each handle it gives or gets; it keeps the answer as the object's `finalizer`."""
    return drop, kind, handle


def take_over() -> None:
    """Has the toolchain use it: it looks for finalize right after the import of the entry module."""
    global _unchecked
    _unchecked = 0
    weakref.finalize = light  # type: ignore[misc,assignment]


def give_back() -> None:
    """Applications get finalize as it was."""
    weakref.finalize = _finalize  # type: ignore[misc]


def drop(instance: Any) -> None:
    """Drops the handle of an imported resource."""
    finalizer = getattr(instance, "finalizer", None)
    if finalizer is not None:
        function, kind, handle = finalizer
        function(kind, handle)


def make_room(size: int) -> None:
    """Raises MemoryError where there is no memory for so many bytes.

    The toolchain copies what it sends and never looks whether it got the memory for that: without it would write over
    the interpreter's own.
    """
    global _unchecked
    if size > SMALL:
        _look_for(size)
        return
    _unchecked += size + OVERHEAD
    if _unchecked > UNCHECKED:
        _look_for(RESERVE)
        _unchecked = 0


def _look_for(size: int) -> None:
    try:
        bytes(size)
    except MemoryError:
        raise MemoryError(
            f"no memory left to send {size} bytes: what an instance has sent stays in its memory until it is retired; "
            "give it more by limits.memory in the manifest"
        ) from None
