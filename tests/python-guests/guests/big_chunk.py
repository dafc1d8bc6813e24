"""One chunk of `?mb=` MiB, and then a small one."""

from .common import number, ok


def app(environ, start_response):
    ok(start_response)
    return [b"x" * (number(environ, "mb") << 20), b"end"]
