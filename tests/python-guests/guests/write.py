"""Writes, waits for a byte of the body, writes again, and yields the rest."""

from .common import ok


def app(environ, start_response):
    write = ok(start_response)
    write(b"one,")
    environ["wsgi.input"].read(1)
    write(b"two,")
    return [b"three,", b"four"]
