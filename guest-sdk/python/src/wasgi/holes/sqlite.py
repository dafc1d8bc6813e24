"""SQLite: databases in memory work, databases in files are refused in words, since SQLite reaches no files here.

SQLite finds no source of randomness either and would give the same numbers in every instance, so its functions for
that ask the system through Python.
"""

from __future__ import annotations

import os
from typing import Any


def patch(module: Any) -> None:
    """sqlite3.connect."""
    connect = module.connect

    def checked(database: Any, *args: Any, **options: Any) -> Any:
        check(database, module.OperationalError)
        connection = connect(database, *args, **options)
        connection.create_function("random", 0, _random)
        connection.create_function("randomblob", 1, _randomblob)
        return connection

    checked.__name__ = checked.__qualname__ = "connect"
    checked.__doc__ = connect.__doc__
    module.connect = module.dbapi2.connect = checked


def _random() -> int:
    return int.from_bytes(os.urandom(8), signed=True)


def _randomblob(size: int) -> bytes:
    return os.urandom(max(size, 1))


def check(database: Any, error: type[Exception]) -> None:
    """Raises the error that SQLite has for a file it can't open, unless the database is in memory."""
    name = os.fsdecode(database)
    inside = name in (":memory:", "") or (name.startswith("file:") and (":memory:" in name or "mode=memory" in name))
    if not inside:
        raise error(
            f"unable to open database file {name!r}: SQLite reaches no files in a component. "
            "':memory:' works, and its contents live as long as their instance"
        )
