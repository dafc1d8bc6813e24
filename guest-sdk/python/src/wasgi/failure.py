"""An exception as data for the host, and as text for a log."""

from __future__ import annotations

import os
import traceback
from types import TracebackType
from typing import Any

from .wit import ExcInfo

#: Where this package lies: its frames say nothing of an application's error.
HERE = os.path.dirname(__file__) + "/"


def exc_info(error: BaseException | None, trace: TracebackType | None = None) -> ExcInfo:
    """`gateway.exc-info` of an exception: its traceback with the exceptions that led to it, its type, what it says."""
    if error is None:
        return ExcInfo("None", "exc_info without an exception", "")
    try:
        return _described(error, trace or error.__traceback__)
    except BaseException as other:
        return ExcInfo(text(type(error).__name__), f"no more can be said of it: {type(other).__name__}", "")


def _described(error: BaseException, trace: TracebackType | None) -> ExcInfo:
    told = traceback.TracebackException(type(error), error, _trim(trace))
    lines = list(told.format())
    last = list(told.format_exception_only())
    kind, _, message = last[-1].rstrip("\n").partition(": ")
    # A syntax error tells where before it tells what; notes come after.
    cut = len(lines) - len(last)
    head = lines[:cut] + (last[:-1] if not told.__notes__ else [])
    if told.__notes__:
        kind, _, message = last[0].rstrip("\n").partition(": ")
        message = "\n".join([message, *(line.rstrip("\n") for line in last[1:])])
    return ExcInfo(text(kind), text(message), text("".join(head)).rstrip("\n"))


def _trim(trace: TracebackType | None) -> TracebackType | None:
    """A traceback from where the application begins; all of it if it never does."""
    inner = trace
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(HERE):
        inner = inner.tb_next
    return inner or trace


def text(value: str) -> str:
    """What can cross to the host: a string without lone surrogates, which are shown as escapes."""
    if value.isascii():
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def log(write: Any, what: str, error: BaseException) -> None:
    """Writes a failure that nobody can be told of, with its traceback."""
    described = exc_info(error)
    try:
        write(f"{described.trace}\n{what} failed: {described.kind}: {described.message}\n")
    except BaseException:
        pass  # there is no memory for it
