"""Chunks of 64 KiB without end, each with a line in the log; `?mb=` ends it after all."""

from itertools import count

from .common import Witness, argument, number, ok


def app(environ, start_response):
    ok(start_response)
    megabytes, quiet = number(environ, "mb"), argument(environ, "quiet")

    def chunks():
        for n in range(megabytes * 16) if megabytes else count():
            if not quiet:
                witness.says(f"chunk {n}")
            yield bytes([ord("a") + n % 26]) * (64 * 1024)

    witness = Witness(environ, chunks())
    return witness
