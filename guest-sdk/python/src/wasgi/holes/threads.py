"""Threads: there is one. Locks, events and thread-locals work as they are; starting a thread is refused in words."""

from __future__ import annotations

import _thread
import sys
from typing import Any, NoReturn

REFUSAL = (
    "can't start a thread: a component has one. Do the work in the request, or after the response in a hook "
    "(environ['wasgi.posthooks'].append((function, args, kwargs)))"
)


def install() -> None:
    """Replaces the functions that start threads, also where threading has them already."""
    threading: Any = sys.modules.get("threading")
    for name in ("start_new_thread", "start_new", "start_joinable_thread"):
        setattr(_thread, name, refuse)
        if threading is not None and hasattr(threading, f"_{name}"):
            setattr(threading, f"_{name}", refuse)


def refuse(*_: Any, **__: Any) -> NoReturn:
    """Raises RuntimeError, as CPython does where the system has no more threads."""
    raise RuntimeError(REFUSAL)
