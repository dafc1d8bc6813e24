"""An empty write, before the body waits for its input."""

from .common import ok


def app(environ, start_response):
    ok(start_response)(b"")

    def late():
        environ["wsgi.input"].read(1)
        yield b"late"

    return late()
