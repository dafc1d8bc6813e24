"""Randomness after a snapshot: what was seeded from the system before it is seeded again in every instance.

os.urandom asks the host each time, and so do secrets, uuid4 and random.SystemRandom. The module-level functions of
random are seeded by the toolchain. What is left are generators of the application's own, and uuid1's node.
"""

from __future__ import annotations

import random
import sys
import weakref
from typing import Any

_generators: weakref.WeakSet[random.Random] = weakref.WeakSet()


def record() -> None:
    """From now on remembers each random.Random that seeds itself from the system."""
    seed = random.Random.seed

    def recording(self: random.Random, a: Any = None, version: int = 2) -> None:
        if a is None and not isinstance(self, random.SystemRandom):
            _generators.add(self)
        else:
            _generators.discard(self)
        seed(self, a, version)

    recording.__name__ = "seed"
    recording.__doc__ = seed.__doc__
    random.Random.seed = recording  # type: ignore[method-assign]


def wake() -> None:
    """Seeds them anew: this is another instance than the one that they were seeded in."""
    for generator in list(_generators):
        generator.seed()
    uuid: Any = sys.modules.get("uuid")
    if uuid is not None:
        uuid._node = uuid._last_timestamp = None
