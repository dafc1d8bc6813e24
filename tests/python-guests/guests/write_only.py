"""Everything by write, nothing by the iterable; the query's `length` announces it."""

from .common import TEXT, argument


def app(environ, start_response):
    length = argument(environ, "length")
    write = start_response("200 OK", [TEXT] + ([("Content-Length", length)] if length else []))
    write(b"one,")
    write(b"two")
    return []
