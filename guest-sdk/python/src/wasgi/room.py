"""Where an instance allocates: the holes that the import left in memory are filled before the snapshot.

An instance shares the snapshot's memory, and copies each page of 4 KiB that it writes to. The allocator takes free
memory between what lives before any behind it: a hole here, a hole there, and another page for each. Without holes,
what a request allocates lies together.
"""

from __future__ import annotations

import sys

#: What lies in the holes, for ever.
_filled: list[object] = []

#: Larger than any hole that matters.
LARGE = 1 << 20

#: How much is filled at most, in bytes and in holes: more than an import leaves.
MOST = 64 << 20
HOLES = 1 << 17

#: Sizes of what is laid into holes, the largest first, and what of that an object of bytes has for itself. There is but
#: one that is empty, and one of each byte.
HEAD = sys.getsizeof(b"")
SIZES = [*(1 << power for power in range(16, 9, -1)), *range(1024 - 8, HEAD + 1, -8)]


def fill() -> None:
    """Fills the holes. What lies behind the last of them stays free."""
    filled: list[object] = [None] * HOLES
    behind = min(id(block) for block in [bytes(LARGE), bytes(LARGE)])
    count, room = 0, MOST
    for size in SIZES:
        while count < HOLES and size < room:
            block = bytes(size - HEAD)
            if id(block) >= behind:
                break
            filled[count] = block
            count, room = count + 1, room - size
    while count < HOLES and id(smallest := object()) < behind:
        filled[count] = smallest
        count += 1
    del filled[count:]
    _filled.append(filled)
