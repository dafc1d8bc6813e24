"""A body, and never a start_response."""

from .common import argument

BODIES = {"none": [], "empty": [b"", b""]}


def app(environ, start_response):
    return BODIES.get(argument(environ, "body"), [b"secret-of-the-guest", b"more"])
