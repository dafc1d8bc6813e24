"""Imports the application and warms it up, inside the guest's interpreter and before the snapshot of its memory.

What the builder must know of it is left in a report, since nothing that is printed here is shown.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from . import body, reading, standard
from .warmup import warm_up


class Report:
    """What the builder is told."""

    def __init__(self) -> None:
        self.environment: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self.error: dict[str, Any] | None = None
        self._told: set[str] = set()

    def take_reads(self, reads: reading.Reads) -> None:
        """What was read during the import."""
        for name, (file, line) in reads.take_environment():
            self.environment.append({"name": name, "file": file, "line": line})
            self._told.add(name)
        for file, line in reads.randomness:
            self.warnings.append(
                f"{file}:{line}: random bytes are read during the import, so they are part of the component and the "
                "same in every instance; read them in a request, or take a secret from the environment"
            )

    def warm_up(self, application: body.Application, request: str, reads: reading.Reads) -> None:
        """Makes a warm-up request."""
        failure = warm_up(application, request)
        if failure:
            self.warnings.append(f"warm-up {request}: {failure}")
        read = reads.take_environment()
        if read and request.rpartition(" ")[0] in ("", "GET", "HEAD"):
            # What a second request reads again at the same place is not kept.
            warm_up(application, request)
            again = reads.take_environment()
            read = [each for each in read if each not in again]
        for name, (file, line) in sorted(read, key=lambda each: each[1][0].startswith(reading.PACKAGES)):
            if name not in self._told:
                self._told.add(name)
                self.warnings.append(
                    f"{file}:{line}: {name} is read in the warm-up {request}, where what is kept of it is frozen"
                )

    def write(self, path: str, open: Callable[..., Any]) -> None:
        """Writes it as JSON."""
        report: dict[str, Any] = {
            "python": ".".join(map(str, sys.version_info[:3])),
            "environment": self.environment,
            "warnings": self.warnings,
        }
        if self.error:
            report["error"] = self.error
        with open(path, "w", encoding="utf-8") as stream:
            json.dump(report, stream)


def take(said: Any, path: str, open: Callable[..., Any]) -> body.Application:
    """Gives the application that `said` names, imported and warmed up. The report is left at `path`, come what may."""
    report = Report()
    try:
        os.environ.clear()
        os.environ.update(said.ENV)
        with reading.recorded() as reads:
            application = find(said.APPLICATION)
            report.take_reads(reads)
            for request in said.WARMUP:
                report.warm_up(application, request, reads)
    except BaseException as error:
        report.error = describe(error)
        raise
    finally:
        report.write(path, open)
    standard.end()
    return application


def find(reference: str) -> body.Application:
    """What `MODULE:NAME` or `MODULE:NAME()` refers to."""
    import importlib

    module_name, _, name = reference.partition(":")
    found: Any = importlib.import_module(module_name)
    for part in name.removesuffix("()").split("."):
        found = getattr(found, part)
    if name.endswith("()"):
        found = found()
    if not callable(found):
        raise TypeError(f"{reference} is no application: a {type(found).__name__} can't be called")
    return found  # type: ignore[no-any-return]


def describe(error: BaseException) -> dict[str, Any]:
    """An error for the builder: what, where, and the whole trace."""
    told: dict[str, Any] = {"kind": type(error).__name__, "message": str(error), "file": None, "line": None}
    if isinstance(error, SyntaxError) and error.filename:
        told |= {"message": error.msg, "file": error.filename, "line": error.lineno}
    else:
        frames = traceback.extract_tb(error.__traceback__)
        inside = [frame for frame in frames if frame.filename.startswith(reading.APP)]
        for frame in (inside or frames)[-1:]:
            told |= {"file": frame.filename, "line": frame.lineno}
    return told | {"trace": "".join(traceback.format_exception(error))}
