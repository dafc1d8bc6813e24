"""What the guests share: reading the query that tells them what to do, and a witness of the response's end."""

from urllib.parse import parse_qsl

TEXT = ("Content-Type", "text/plain; charset=utf-8")


def arguments(environ):
    """The pairs of the query, decoded."""
    return parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)


def argument(environ, name):
    """The value of `name` in the query, or nothing."""
    return dict(arguments(environ)).get(name, "")


def number(environ, name):
    """The number that `name` has in the query, or 0."""
    text = argument(environ, name)
    return int(text) if text.isdecimal() else 0


def path(environ):
    """SCRIPT_NAME and PATH_INFO are bytes; as text."""
    return environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")


def ok(start_response):
    """`200 OK`, plain text."""
    return start_response("200 OK", [TEXT])


class Witness:
    """An iterable that says in the log when it is closed, and how the response went after that. Its lines carry the
    query's `tag`, so that a test finds its own."""

    def __init__(self, environ, chunks=()):
        self.errors, self.tag, self.chunks = environ["wsgi.errors"], argument(environ, "tag"), chunks
        environ["wasgi.posthooks"].append((self.sent, (), {}))

    def says(self, what):
        self.errors.write(f"{what} {self.tag}\n")

    def sent(self, environ):
        complete = str(environ["wasgi.complete"]).lower()
        self.errors.write(f"sent {self.tag} bytes={environ['wasgi.bytes_sent']} complete={complete}\n")

    def __iter__(self):
        return iter(self.chunks)

    def close(self):
        self.closing()
        self.says("closed")

    def closing(self):
        """What a guest does there before it says so."""
