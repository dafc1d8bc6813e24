"""Every variable that the host gives as a line of bytes: `NAME=VALUE`."""

from .common import ok


def shown(value):
    """A value as the host wrote it."""
    if isinstance(value, tuple):
        return ".".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else value


def app(environ, start_response):
    ok(start_response)
    assert type(environ) is dict
    given = {name: shown(value) for name, value in environ.items() if isinstance(value, (str, bool, tuple))}
    return ["".join(f"{name}={value}\n" for name, value in sorted(given.items())).encode("latin-1")]
