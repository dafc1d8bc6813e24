"""start_response during the first `next`, or with `?after=N` after N empty chunks."""

from .common import number, ok


def app(environ, start_response):
    for _ in range(number(environ, "after")):
        yield b""
    ok(start_response)
    yield b"late"
