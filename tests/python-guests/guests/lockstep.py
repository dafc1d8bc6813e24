"""Yields each line of the body as it is read: who waits for the line before sending the next one shows that no chunk
is held back."""

from .common import Witness, ok


def app(environ, start_response):
    ok(start_response)

    def lines():
        for line in environ["wsgi.input"]:
            witness.says("next")
            yield line

    witness = Witness(environ, lines())
    return witness
