"""What the guest's CPython has not: made up for where frameworks need it, and otherwise refused in words.

Each module here fills one hole. Those that concern a module of the standard library are applied when that module is
imported, so that nothing is imported for their sake.
"""

from __future__ import annotations

import importlib

from . import asyncio, hashing, nesting, network, processes, sqlite, stubs, system, threads
from .importing import Finder

#: Imported before the snapshot, since they are imported late otherwise, by a codec's name or for a time zone's data,
#: and compiling them takes tenths of a second.
EARLY = ("encodings.idna", "importlib.resources", "zoneinfo")


def install() -> None:
    """Fills the holes, at once or when the module in question is imported."""
    system.install()
    threads.install()
    finder = Finder()
    finder.after("asyncio", asyncio.patch)
    finder.after("hashlib", hashing.patch)
    finder.after("json", nesting.patch)
    finder.after("multiprocessing.process", processes.patch_multiprocessing)
    finder.after("socket", network.patch)
    finder.after("sqlite3", sqlite.patch)
    finder.after("subprocess", processes.patch_subprocess)
    finder.instead("ctypes", stubs.ctypes)
    finder.instead("ssl", stubs.ssl)
    finder.install()
    for name in EARLY:
        importlib.import_module(name)
