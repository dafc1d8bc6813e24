"""A small chunk each `?ms=` milliseconds, `?n=` of them."""

import time

from .common import Witness, number, ok


def app(environ, start_response):
    ok(start_response)
    pause = number(environ, "ms") / 1000

    def ticks():
        for n in range(number(environ, "n")):
            if n:
                time.sleep(pause)
            witness.says(f"tick {n}")
            yield f"tick {n}\n".encode()

    witness = Witness(environ, ticks())
    return witness
