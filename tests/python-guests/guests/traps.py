"""Traps in the phase that the query names, which an application in Python can do by breaking into the bridge alone:
handle, first, next, close or sent."""

import sys

from .common import Witness, argument, ok


def trap(environ):
    """Ends the instance: the toolchain panics at a value of a wrong type."""
    print("secret-of-the-guest", file=sys.stderr, flush=True)
    environ["wsgi.input"]._environ.log(7)


def app(environ, start_response):
    phase = argument(environ, "in")

    def trap_if(asked):
        if asked:
            trap(environ)

    def chunks():
        for n in range(3):
            trap_if((n == 0 and phase == "first") or (n == 1 and phase == "next"))
            yield b"chunk"

    trap_if(phase == "handle")
    ok(start_response)
    environ["wasgi.posthooks"].append((lambda _: trap_if(phase == "sent"), (), {}))
    witness = Witness(environ, chunks())
    witness.closing = lambda: trap_if(phase == "close")
    return witness
