"""Goes on reading after the end of the body."""

from .common import ok


def app(environ, start_response):
    stream = environ["wsgi.input"]
    body = stream.read()
    more = b"".join(
        [stream.read() + stream.readline() + b"".join(stream.readlines()) + b"".join(stream) for _ in range(3)]
    )
    ok(start_response)
    return [body + f" then {len(more)} more".encode()]
