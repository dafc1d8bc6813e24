"""A host in this process: the request and the response of `wit/gateway.wit` without a component around them.

Warm-up requests go through it, and so do the unit tests. Of the host's rules it has those that decide what the bridge
is told; it does not check what a status or a header says.
"""

from __future__ import annotations

import math
import time
from typing import Any
from urllib.parse import unquote_to_bytes

from . import body
from .wit import (
    Err,
    ExcInfo,
    Report,
    StartErrorAlreadyCalled,
    StartErrorHeadersSent,
    StepDone,
    StepLast,
    WriteErrorFinished,
    WriteErrorNotStarted,
)

VARIABLES = {
    "GATEWAY_INTERFACE": "CGI/1.1",
    "HTTP_HOST": "localhost",
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_PORT": "0",
    "SCRIPT_NAME": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_SOFTWARE": "wasgi",
    "wasgi.application": "",
    "wasgi.request_id": "",
    "wasgi.version": "",
    "wsgi.input_terminated": "true",
    "wsgi.multiprocess": "true",
    "wsgi.multithread": "false",
    "wsgi.run_once": "false",
    "wsgi.url_scheme": "http",
    "wsgi.version": "1.0",
}


class Environ:
    """`gateway.environ`."""

    def __init__(self, variables: dict[str, str], pieces: list[bytes], error: Any = None) -> None:
        self._variables = variables
        self._pieces = pieces
        self._error = error
        self.logged: list[str] = []

    def joined(self) -> str:
        """Every variable: names and values in turn, each after the text's first character."""
        separator = "\u0100" if any("\0" in value for value in self._variables.values()) else "\0"
        return "".join(separator + part for pair in self._variables.items() for part in pair)

    def input(self, max: int, /) -> bytes:
        """The next piece of the body, or the beginning of it."""
        if not self._pieces:
            if self._error is not None:
                raise Err(self._error)
            return b""
        piece = self._pieces.pop(0)
        if len(piece) > max:
            self._pieces.insert(0, piece[max:])
        return piece[:max]

    def log(self, text: str, /) -> None:
        """Notes a text."""
        self.logged.append(text)


class StartResponse:
    """`gateway.start-response`."""

    def __init__(self) -> None:
        self.status: str | None = None
        self.headers: list[tuple[str, str]] = []
        self.sent: list[bytes] = []
        self.committed = False
        self.finished = False
        self.errors: list[ExcInfo] = []

    def call(self, status: str, headers: list[tuple[str, str]], exc_info: Any, /) -> None:
        """Sets status and headers."""
        if exc_info is not None:
            self.errors.append(exc_info)
            if self.committed:
                raise Err(StartErrorHeadersSent())
        elif self.status is not None:
            raise Err(StartErrorAlreadyCalled())
        self.status, self.headers = status, headers

    def write(self, bytes: bytes, /) -> None:
        """Sends bytes."""
        if self.finished:
            raise Err(WriteErrorFinished())
        if self.status is None:
            raise Err(WriteErrorNotStarted())
        self.committed = True
        self.sent.append(bytes)


class Exchange:
    """One request to an application, and all that came of it."""

    def __init__(
        self,
        application: body.Application,
        method: str = "GET",
        target: str = "/",
        variables: dict[str, str] | None = None,
        pieces: list[bytes] | None = None,
        input_error: Any = None,
    ) -> None:
        path, _, query = target.partition("?")
        all_variables = VARIABLES | {
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "REQUEST_URI": target,
            "RAW_URI": target,
        }
        self.environ = Environ(all_variables | (variables or {}), pieces or [], input_error)
        self.start_response = StartResponse()
        self.steps: list[Any] = []
        self.failure: ExcInfo | None = None
        self.ended = False
        self.body = body.new()
        self.body.begin(application, self.environ, self.start_response)

    def run(self, chunks: float = math.inf, seconds: float = math.inf) -> Exchange:
        """Runs it to its end, as the host does, or until so many chunks were made or seconds are over."""
        response = self.start_response
        deadline = time.monotonic() + seconds
        while self.failure is None:
            if len(self.steps) >= chunks or time.monotonic() > deadline:
                break
            try:
                step = self.body.next()
            except Err as error:
                self.failure = error.value
                break
            self.steps.append(step)
            if not isinstance(step, StepDone) and step.value:
                response.committed = response.status is not None
                response.sent.append(step.value)
            if isinstance(step, StepDone | StepLast):
                self.ended = True
                break
        self.finish()
        return self

    def finish(self) -> None:
        """What follows the last chunk."""
        self.start_response.finished = True
        if self.body.close():
            self.body.sent(Report(sum(map(len, self.start_response.sent)), self.ended, 1))

    @property
    def content(self) -> bytes:
        """All that was sent."""
        return b"".join(self.start_response.sent)
