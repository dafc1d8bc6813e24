"""An invalid head, and after the refusal a valid one."""

from .common import ok


def app(environ, start_response):
    try:
        start_response("200 OK", [("X-Bad", "a\r\nb")])
        told = "accepted"
    except AssertionError as error:
        told = str(error)
    ok(start_response)
    return [told.encode()]
