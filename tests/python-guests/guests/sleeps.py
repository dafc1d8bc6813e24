"""Sleeps `?ms=` in the phase that the query names: handle, first, next, close or sent."""

import time

from .common import Witness, argument, number, ok


def app(environ, start_response):
    phase, seconds = argument(environ, "in"), number(environ, "ms") / 1000

    def sleep_if(asked):
        if asked:
            time.sleep(seconds)

    def chunks():
        for n in range(3):
            witness.says(f"next {n}")
            sleep_if((n == 0 and phase == "first") or (n == 1 and phase == "next"))
            yield b"chunk"

    sleep_if(phase == "handle")
    ok(start_response)
    environ["wasgi.posthooks"].append((lambda _: sleep_if(phase == "sent"), (), {}))
    witness = Witness(environ, chunks())
    witness.closing = lambda: sleep_if(phase == "close")
    return witness
