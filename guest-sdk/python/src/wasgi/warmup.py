"""Requests to the application before the snapshot: what it does at its first request is then done."""

from __future__ import annotations

import re

from . import reading, standard
from .body import Application
from .local import Exchange

#: A response is left after so much of it.
CHUNKS = 10_000
SECONDS = 10.0

#: Of what was logged the last lines are told.
LINES = 20


def warm_up(application: Application, request: str) -> str | None:
    """Makes a request, `METHOD TARGET` or `TARGET`. Gives what went wrong, if something did, and what was logged."""
    method, _, target = request.rpartition(" ")

    def marked(environ, start_response):  # type: ignore[no-untyped-def]
        environ["wasgi.warmup"] = True
        return application(environ, start_response)

    printed: list[str] = []
    standard.listeners.append(printed.append)
    try:
        exchange = Exchange(marked, method or "GET", target).run(CHUNKS, SECONDS)
    finally:
        standard.listeners.clear()
    logged = "".join(printed).splitlines() + "\n".join(exchange.environ.logged).splitlines()
    wrong = _wrong(exchange, logged)
    if wrong is None:
        return None
    return "\n".join([wrong, *(f"    {line}" for line in logged[-LINES:])])


def _wrong(exchange: Exchange, logged: list[str]) -> str | None:
    for failure in [exchange.failure, *exchange.start_response.errors]:
        if failure is not None:
            return f"{failure.kind}: {failure.message}{_place(failure.trace)}"
    if not exchange.ended:
        return f"its response had no end after {len(exchange.steps)} chunks and was left"
    status = exchange.start_response.status
    if status is None:
        return "start_response was not called"
    return f"it was answered {status}{_place(*logged)}" if status[:1] == "5" else None


def _place(*traces: str) -> str:
    """Where an error came from: the application's innermost place in the last traceback that has one."""
    places = re.findall(rf'File "({re.escape(reading.APP)}[^"]+)", line (\d+)', "\n".join(traces))
    return " ({}:{})".format(*places[-1]) if places else ""
