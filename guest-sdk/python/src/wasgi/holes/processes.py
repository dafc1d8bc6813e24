"""Processes: there is one. Starting another is refused in words."""

from __future__ import annotations

import errno
from typing import Any, NoReturn

REFUSAL = (
    "a component can't start processes. Call the code as a module, or let another service do it "
    "and have the client ask that"
)


def patch_subprocess(module: Any) -> None:
    """subprocess.Popen, and so run, call, check_output and os.popen."""

    def __init__(self: Any, *_: Any, **__: Any) -> None:
        self._child_created = False
        refuse()

    module.Popen.__init__ = __init__


def patch_multiprocessing(module: Any) -> None:
    """multiprocessing.Process.start, which pools and managers use too."""
    module.BaseProcess.start = refuse


def refuse(*_: Any, **__: Any) -> NoReturn:
    """Raises OSError."""
    raise OSError(errno.ENOTSUP, REFUSAL)
