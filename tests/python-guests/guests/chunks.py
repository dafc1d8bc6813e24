"""`?n=` chunks of `?each=` bytes (2 if not given); with `?end=unknown` nobody knows which one is the last.
`?empty=` empty chunks go before each."""

from .common import argument, number, ok


def app(environ, start_response):
    ok(start_response)
    count, each, empty = number(environ, "n"), max(number(environ, "each"), 2), number(environ, "empty")
    chunks = [b"x" * each if n % (empty + 1) == empty else b"" for n in range(count * (empty + 1))]
    return iter(chunks) if argument(environ, "end") == "unknown" else chunks
