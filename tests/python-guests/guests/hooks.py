"""Three hooks of which the second one fails, and a body that says when it is closed; with `?fail=1` the application
fails after it has registered them."""

from .common import Witness, argument, ok


class HookError(Exception):
    __module__ = "__main__"  # a traceback names it without its module then


def hook(environ, n, tag):
    complete = str(environ["wasgi.complete"]).lower()
    environ["wsgi.errors"].write(f"hook {n} {tag} bytes={environ['wasgi.bytes_sent']} complete={complete}\n")
    if n == 2:
        raise HookError("the second one")


def app(environ, start_response):
    for n in (1, 2, 3):
        environ["evy.posthooks"].append((hook, (n,), {"tag": argument(environ, "tag")}))
    witness = Witness(environ, [b"one", b"two"])
    if argument(environ, "fail"):
        raise ValueError("as asked")
    ok(start_response)
    return witness
