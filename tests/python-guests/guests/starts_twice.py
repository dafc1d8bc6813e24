"""A second start_response without exc_info; the answer is what it was told."""

from .common import TEXT


def app(environ, start_response):
    start_response("200 First", [TEXT, ("X-Call", "first")])
    try:
        start_response("200 Second", [TEXT, ("X-Call", "second")])
        told = "accepted"
    except AssertionError as error:
        told = {"Headers already set!": "Err(AlreadyCalled)"}.get(str(error), str(error))
    return [told.encode()]
