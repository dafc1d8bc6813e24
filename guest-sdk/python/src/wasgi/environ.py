"""The environ of a request: an exact dict of native strings, with Python's types where PEP 3333 has them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any
from wsgiref.util import FileWrapper

from . import wit
from .errors import Errors
from .hooks import KEYS, Hook
from .input import Input

#: The names under which an application finds the host's services.
SERVICES = ("wasgi.services", "flows.flow")


def build(handle: wit.Environ, input: Input, errors: Errors, hooks: list[Hook]) -> dict[str, Any]:
    """The environ of a request."""
    joined = handle.joined()
    parts = iter(joined.split(joined[0]))
    next(parts)  # what is before the first separator: nothing
    environ: dict[str, Any] = dict(zip(parts, parts))
    environ["wsgi.version"] = (1, 0)
    environ["wsgi.multithread"] = environ.get("wsgi.multithread") == "true"
    environ["wsgi.multiprocess"] = environ.get("wsgi.multiprocess") == "true"
    environ["wsgi.run_once"] = environ.get("wsgi.run_once") == "true"
    environ["wsgi.input_terminated"] = True
    environ["wsgi.input"] = input
    environ["wsgi.errors"] = errors
    environ["wsgi.file_wrapper"] = FileWrapper
    for key in KEYS:
        environ[key] = hooks
    services = MappingProxyType({
        "request_id": environ.get("wasgi.request_id", ""),
        "application": environ.get("wasgi.application", ""),
        "version": environ.get("wasgi.version", ""),
    })  # fmt: skip
    for key in SERVICES:
        environ[key] = services
    return environ
