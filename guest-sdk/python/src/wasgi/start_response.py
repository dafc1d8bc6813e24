"""`start_response` and `write` (PEP 3333, "The start_response() Callable").

Values are checked for their types here, since a wrong one would end the instance at the border; what they say is the
host's to check. Refusals are the errors that wsgiref raises.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from . import wit
from .failure import exc_info as describe
from .handles import make_room
from .wit import Err, StartErrorAlreadyCalled, StartErrorHeadersSent, WriteErrorClosed, WriteErrorNotStarted

ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]


class ClientLeft(ConnectionError):
    """Bytes were written that nobody takes any more."""


class StartResponse:
    """The callable of one request."""

    __slots__ = ("_handle",)

    def __init__(self, handle: wit.StartResponse) -> None:
        self._handle: wit.StartResponse | None = handle

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """Sets status and headers, and gives `write`. With `exc_info` it replaces what was set, or raises it again."""
        handle = self._handle
        if handle is None:
            raise AssertionError("start_response was called after its request had ended")
        if type(status) is not str or not status.isascii():
            _native(status, "Status")
        if type(headers) is not list:
            raise TypeError("Headers should be a list of name/value tuples")
        for pair in headers:
            if type(pair) is not tuple or len(pair) != 2:
                headers = [_pair(pair) for pair in headers]
                break
        for name, value in headers:
            if type(name) is not str or type(value) is not str or not (name.isascii() and value.isascii()):
                _native(name, "Header name")
                _native(value, "Header value")
        try:
            handle.call(status, headers, describe(exc_info[1], exc_info[2]) if exc_info else None)
        except Err as error:
            reason = error.value
        else:
            return self.write
        try:
            if exc_info and exc_info[1] is not None and isinstance(reason, StartErrorHeadersSent):
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info = None  # a frame that holds its own traceback would be a cycle
        if isinstance(reason, StartErrorAlreadyCalled | StartErrorHeadersSent):
            raise AssertionError("Headers already set!")
        raise AssertionError(reason.value)

    def write(self, data: bytes) -> None:
        """Sends bytes at once. ClientLeft (an OSError) when nobody takes them any more."""
        if type(data) is not bytes:
            raise AssertionError("write() argument must be a bytes instance")
        if self._handle is None:
            raise AssertionError("write() was called after its request had ended")
        make_room(len(data))
        try:
            self._handle.write(data)
        except Err as error:
            reason = error.value
        else:
            return
        if isinstance(reason, WriteErrorClosed):
            raise ClientLeft("the client has left, the response was cut, or its Content-Length is reached")
        if isinstance(reason, WriteErrorNotStarted):
            raise AssertionError("write() before start_response()")
        raise AssertionError("write() after the end of the body")

    def release(self) -> wit.StartResponse | None:
        """The request is over. Gives back the handle."""
        handle, self._handle = self._handle, None
        return handle


def _pair(pair: Any) -> tuple[Any, Any]:
    name, value = pair
    return name, value


def _native(value: Any, title: str) -> None:
    """A native string (PEP 3333): code points up to U+00FF. What else is there would not reach the host."""
    if not isinstance(value, str):
        raise AssertionError(f"{title} must be of type str (got {value!r})")
    if not value.isascii():
        value.encode("latin-1")
