"""Speaks by every way there is into the log, with all that a log should not repeat as it is."""

import sys

from .common import argument, ok


def app(environ, start_response):
    tag, errors = argument(environ, "tag"), environ["wsgi.errors"]
    print(f"{tag} errors grüße 東京 \U0001f980", file=errors)
    errors.write(f"{tag} escape \x1b[31mred\x07 bell \u202ereordered\n")
    errors.writelines([f"{tag} two\n", f"{tag} lines\n"])
    print(f"{tag} stdout grüße")
    print(f"{tag} stderr grüße", file=sys.stderr)
    sys.stderr.write(f"{tag} without an end")
    ok(start_response)
    return [b"logged"]
