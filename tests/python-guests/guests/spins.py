"""Computes for ever in the phase that the query names: handle, first, next, close or sent."""

from .common import Witness, argument, ok


def spin_if(asked):
    while asked:
        pass


def app(environ, start_response):
    phase = argument(environ, "in")

    def chunks():
        for n in range(3):
            spin_if((n == 0 and phase == "first") or (n == 1 and phase == "next"))
            yield b"chunk"

    spin_if(phase == "handle")
    ok(start_response)
    environ["wasgi.posthooks"].append((lambda _: spin_if(phase == "sent"), (), {}))
    witness = Witness(environ, chunks())
    witness.closing = lambda: spin_if(phase == "close")
    return witness
