"""Never looks at the body of the request."""

from .common import ok, path


def app(environ, start_response):
    ok(start_response)
    return [path(environ).encode()]
