"""Answers with the query's `status`, and the body `text` unless `?body=none`."""

from .common import TEXT, argument

BODIES = {"none": [b""], "length": [b"te", b"xt"]}


def app(environ, start_response):
    start_response(argument(environ, "status"), [TEXT])
    return BODIES.get(argument(environ, "body"), [b"text"])
