"""A stream, and the host's services: a mapping in the environ, called as it was in WSGIPack, where this comes from. What
goes to write() is sent at once, and then each key, a second after the one before it."""

import time


def hello(environ, start_response):
    write = start_response("200 OK", [("Content-type", "text/html")])
    write(b"Hello")

    def result():
        yield b" World! Environ keys: "
        for name in environ["flows.flow"].keys():
            yield name.encode() + b", "
            time.sleep(1)

    return result()
