"""The request's body, as it comes."""

from .common import ok


def app(environ, start_response):
    ok(start_response)
    return iter(lambda: environ["wsgi.input"].read1(65_536), b"")
