"""Fails: `?when=handle`, `?when=first` in its first `next`, `?when=later` after a chunk."""

from .common import Witness, argument, ok


def app(environ, start_response):
    when = argument(environ, "when")

    def chunks():
        if when != "first":
            yield b"chunk"
        raise ValueError("secret-of-the-guest")

    witness = Witness(environ, chunks())
    if when == "handle":
        raise ValueError("secret-of-the-guest")
    ok(start_response)
    return witness
