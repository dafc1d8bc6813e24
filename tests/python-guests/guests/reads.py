"""Reads the body as the query's `plan` says, and shows what each read gave: `rN` is read(N), `l` is readline(), `s` is
readlines(), `a` is read(), separated by commas."""

from .common import argument, ok


def read(stream, step):
    if step == "l":
        return [stream.readline()]
    if step == "a":
        return [stream.read()]
    if step == "s":
        return [line.removesuffix(b"\n") for line in stream.readlines()]
    return [stream.read(int(step[1:]))]


def app(environ, start_response):
    shown = [
        f"{step} {repr(piece)[2:-1]}\n"
        for step in argument(environ, "plan").split(",")
        for piece in read(environ["wsgi.input"], step)
    ]
    ok(start_response)
    return ["".join(shown).encode()]
