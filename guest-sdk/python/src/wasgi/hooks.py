"""Post-response hooks, as evy and eventlet have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import Errors
from .failure import log
from .wit import Report

#: A function, and what it is called with after the environ.
Hook = tuple[Callable[..., object], Sequence[Any], Mapping[str, Any]]

#: The names of the list that an application appends its hooks to.
KEYS = ("wasgi.posthooks", "evy.posthooks", "eventlet.posthooks")


def run(hooks: list[Hook], environ: dict[str, Any], report: Report, errors: Errors) -> None:
    """Calls each hook with the environ, in which now stands what was sent. One that fails is logged."""
    environ["wasgi.bytes_sent"] = report.bytes
    environ["wasgi.complete"] = report.complete
    environ["wasgi.elapsed"] = report.elapsed_us / 1_000_000
    for hook in hooks:
        try:
            function, args, kwargs = hook
            function(environ, *args, **kwargs)
        except BaseException as error:
            log(errors.write, "posthook", error)
