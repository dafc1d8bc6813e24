"""Says in the log why the body could not be read, and answers 200 all the same. With `?first=` a chunk goes out before
the body is read."""

from .common import Witness, argument, ok

KINDS = {
    "the client stopped sending": "UnexpectedEof",
    "the body is malformed": "InvalidData",
    "the body is larger": "FileTooLarge",
    "the client sent nothing": "TimedOut",
}


def kind(read):
    """What a read gave, in the words of the Rust guest."""
    try:
        return f"Ok({len(read())})"
    except OSError as error:
        return f"Err({next(kind for text, kind in KINDS.items() if str(error).startswith(text))})"


def app(environ, start_response):
    ok(start_response)
    stream = environ["wsgi.input"]

    def chunks():
        yield argument(environ, "first").encode()
        witness.says(f"read {kind(stream.read)} again {kind(stream.readline)}")
        yield b"all is well"

    witness = Witness(environ, chunks())
    return witness
