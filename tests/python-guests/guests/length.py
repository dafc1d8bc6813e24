"""Announces `?say=` bytes and gives `?give=`, in pieces of `?each=` (all at once if not given)."""

from .common import TEXT, Witness, argument, number


def app(environ, start_response):
    left = number(environ, "give")
    each = number(environ, "each") or left
    start_response("200 OK", [TEXT, ("Content-Length", argument(environ, "say"))])

    def chunks():
        nonlocal left
        while True:
            now = min(left, each)
            left -= now
            witness.says("next")
            if now == 0:
                return
            yield b"x" * now

    witness = Witness(environ, chunks())
    return witness
