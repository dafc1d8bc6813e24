"""Requests to the application before the snapshot: what it does at its first request is then done."""

from __future__ import annotations

from .body import Application
from .local import Exchange


def warm_up(application: Application, request: str) -> str | None:
    """Makes a request, `METHOD TARGET` or `TARGET`. Gives what went wrong, if something did."""
    method, _, target = request.rpartition(" ")

    def marked(environ, start_response):  # type: ignore[no-untyped-def]
        environ["wasgi.warmup"] = True
        return application(environ, start_response)

    exchange = Exchange(marked, method or "GET", target).run()
    for failure in [exchange.failure, *exchange.start_response.errors]:
        if failure is not None:
            return f"{failure.kind}: {failure.message}"
    status = exchange.start_response.status
    if status is None:
        return "start_response was not called"
    return f"it was answered {status}" if status[:1] == "5" else None
