"""start_response with exc_info: `?when=handle`, `?when=next` (after an empty chunk), or `?when=late` (after a chunk),
where the error comes back."""

import sys

from .common import TEXT, Witness, argument


def replace(start_response):
    try:
        raise ValueError("secret-of-the-guest")
    except ValueError:
        start_response("503 Sorry", [TEXT, ("X-Second", "1")], sys.exc_info())


def app(environ, start_response):
    when = argument(environ, "when")
    start_response("200 OK", [TEXT, ("X-First", "1")])

    def chunks():
        yield b"partial" if when == "late" else b""
        try:
            replace(start_response)
        except ValueError as error:
            witness.says(f'replaced Err("ValueError: {error}")')
            raise
        yield b"sorry"

    witness = Witness(environ, [b"sorry"] if when == "handle" else chunks())
    if when == "handle":
        replace(start_response)
    return witness
