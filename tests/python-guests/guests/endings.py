"""One response for each way to end (`?end=`): says each `close` and `sent`."""

import sys

from .common import TEXT
from .traps import trap


class Body:
    def __init__(self, environ, start_response):
        self.environ, self.start_response, self.steps = environ, start_response, 0
        self.end = environ["QUERY_STRING"]

    def __iter__(self):
        return self

    def __next__(self):
        step, self.steps = self.steps, self.steps + 1
        if "end=error" in self.end or ("end=late-error" in self.end and step == 1):
            raise ValueError("of the guest")
        if "end=trap" in self.end and step == 1:
            trap(self.environ)
        if "end=cut" in self.end and step == 1:
            try:
                raise ValueError("of the guest")
            except ValueError:
                try:
                    self.start_response("500 Late", [], sys.exc_info())
                except ValueError:
                    pass  # ignored, which an application should not
        if step > 2:
            raise StopIteration
        return b"chunk"

    def close(self):
        self.environ["wsgi.errors"].write(f"close {self.end}\n")


def sent(environ, end):
    complete = str(environ["wasgi.complete"]).lower()
    environ["wsgi.errors"].write(f"sent {end} bytes={environ['wasgi.bytes_sent']} complete={complete}\n")


def app(environ, start_response):
    body = Body(environ, start_response)
    length = "3" if "end=long" in body.end else "300" if "end=short" in body.end else None
    if "end=unstarted" not in body.end:
        status = "204 No Content" if "end=204" in body.end else "200 OK"
        start_response(status, [TEXT] + ([("Content-Length", length)] if length else []))
    if "hooks=none" not in body.end:
        environ["wasgi.posthooks"].append((sent, (body.end,), {}))
    return body
