"""Empty chunks without end, after `?first=` if that is given."""

from itertools import chain, repeat

from .common import Witness, argument, ok


def app(environ, start_response):
    ok(start_response)
    return Witness(environ, chain([argument(environ, "first").encode()], repeat(b"")))
