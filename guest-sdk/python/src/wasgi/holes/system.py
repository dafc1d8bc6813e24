"""The process as `os` shows it: functions that WASI has not, with the answers of a process that is alone."""

from __future__ import annotations

import errno
import os
import posixpath
import sys
from collections.abc import Callable
from typing import Any, NoReturn

#: Nobody's in particular.
ID = 1000

#: Its user's home.
HOME = "/tmp"


def install() -> None:
    """Adds what is missing to `os`."""
    for name in ("getuid", "geteuid", "getgid", "getegid"):
        _add(name, lambda: ID)
    _add("getresuid", lambda: (ID, ID, ID))
    _add("getresgid", lambda: (ID, ID, ID))
    _add("getgroups", lambda: [ID])
    _add("getppid", lambda: 1)
    _add("getpgrp", os.getpid)
    _add("getpgid", lambda pid: os.getpid())
    _add("getsid", lambda pid: os.getpid())
    _add("getloadavg", lambda: (0.0, 0.0, 0.0))
    _add("umask", Umask())
    _add("chown", lambda *_, **__: None)
    _add("lchown", lambda *_, **__: None)
    _add("getlogin", _no_terminal)
    _add("kill", _no_processes)
    _add("killpg", _no_processes)
    _add("system", _no_processes)
    # These end the instance without an answer to the client; as an exception they end the request.
    for name in ("_exit", "abort"):
        setattr(os, name, _exit)
        setattr(sys.modules["posix"], name, _exit)
    posixpath.expanduser = at_home(posixpath.expanduser)  # type: ignore[assignment]


def at_home(expanduser: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """os.path.expanduser, for which `~` is `/tmp` where no variable says another: there is no database of users, and
    that is the one directory that its user can write to."""

    def expand(path: Any) -> Any:
        expanded = expanduser(path)
        kind: Any = os.fsencode if isinstance(expanded, bytes) else str
        if expanded.partition(kind("/"))[0] == kind("~"):
            return kind(HOME) + expanded[1:]
        return expanded

    return expand


class Umask:
    """os.umask."""

    def __init__(self) -> None:
        self._mask = 0o022

    def __call__(self, mask: int) -> int:
        """Sets the mask, and gives the one before."""
        before, self._mask = self._mask, mask
        return before


def _add(name: str, function: Any) -> None:
    if not hasattr(os, name):
        setattr(os, name, function)


def _no_terminal() -> NoReturn:
    raise OSError(errno.ENOTTY, "nobody is logged in: a component has no terminal")


def _no_processes(*_: Any) -> NoReturn:
    raise ProcessLookupError(errno.ESRCH, "a component is one process and reaches no other")


def _exit(status: int = 1) -> NoReturn:
    raise SystemExit(status)
