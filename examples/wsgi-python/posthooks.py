"""Hooks after the response, with the signature that evy and eventlet gave them: a function, its positional arguments and
its keyword arguments. It is called with the environ before them, in which by then stands what was sent."""

import sys


def hook(environ, greeting, times, end=".", of="hook"):
    print(
        f"{greeting} from the {of}, {times} times: {environ['wasgi.bytes_sent']} bytes were sent in "
        f"{environ['wasgi.elapsed']:.6f} s, {'all' if environ['wasgi.complete'] else 'not all'} of them{end}",
        file=environ["wsgi.errors"] if of == "hook" else sys.stderr,
    )


def hello_world(environ, start_response):
    environ["evy.posthooks"].append((hook, ("Hello", 2), {"end": "!"}))
    environ["eventlet.posthooks"].append((hook, ("Goodbye", 1), {"of": "second hook"}))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, World!\r\n"]


def scheme(environ, start_response):
    """Whether the client came by HTTPS."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.url_scheme"].encode()]
