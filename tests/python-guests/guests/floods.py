"""`?lines=` lines of 1,000 bytes, as fast as it can."""

from .common import number, ok


def app(environ, start_response):
    for n in range(number(environ, "lines")):
        environ["wsgi.errors"].write(f"{n} {'x' * 1000}\n")
    environ["wsgi.errors"].write("y" * (1 << 20) + "\n")
    ok(start_response)
    return [b"logged"]
