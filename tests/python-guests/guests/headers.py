"""Every pair of the query is a header of the answer, in order."""

from .common import arguments


def app(environ, start_response):
    start_response("200 OK", arguments(environ))
    return [b"text"]
