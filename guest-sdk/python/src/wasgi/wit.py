"""The types of the component's bindings, which componentize-py makes of `wit/gateway.wit`.

Outside of a component there are none; the same shapes stand in, so that all else can be imported, tested and warmed up
by any Python.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol


class Environ(Protocol):
    """`gateway.environ`."""

    def joined(self) -> str:
        """Every variable: names and values in turn, each after the text's first character."""

    def input(self, max: int, /) -> bytes:
        """At most `max` bytes of the request's body; raises Err."""

    def log(self, text: str, /) -> None:
        """Writes to the application's log."""


class StartResponse(Protocol):
    """`gateway.start-response`."""

    def call(self, status: str, headers: list[tuple[str, str]], exc_info: Any, /) -> None:
        """Sets status and headers; raises Err."""

    def write(self, bytes: bytes, /) -> None:
        """Sends bytes at once; raises Err."""


if TYPE_CHECKING:
    COMPONENT = False
else:
    try:
        from componentize_py_types import Err
        from wit_world.exports.application import Report
        from wit_world.exports.application import Step_Done as StepDone
        from wit_world.exports.application import Step_Last as StepLast
        from wit_world.exports.application import Step_More as StepMore
        from wit_world.imports.gateway import ExcInfo
        from wit_world.imports.gateway import InputError_Malformed as InputErrorMalformed
        from wit_world.imports.gateway import InputError_TimedOut as InputErrorTimedOut
        from wit_world.imports.gateway import InputError_TooLarge as InputErrorTooLarge
        from wit_world.imports.gateway import InputError_Truncated as InputErrorTruncated
        from wit_world.imports.gateway import StartError_AlreadyCalled as StartErrorAlreadyCalled
        from wit_world.imports.gateway import StartError_HeadersSent as StartErrorHeadersSent
        from wit_world.imports.gateway import StartError_Invalid as StartErrorInvalid
        from wit_world.imports.gateway import WriteError_Closed as WriteErrorClosed
        from wit_world.imports.gateway import WriteError_Finished as WriteErrorFinished
        from wit_world.imports.gateway import WriteError_NotStarted as WriteErrorNotStarted

        COMPONENT = True
    except ModuleNotFoundError:
        COMPONENT = False

if not COMPONENT:

    @dataclass(frozen=True)
    class Err(Exception):
        """A failed call."""

        value: Any

    @dataclass
    class ExcInfo:
        """`gateway.exc-info`."""

        kind: str
        message: str
        trace: str

    @dataclass
    class Report:
        """`application.report`."""

        bytes: int
        complete: bool
        elapsed_us: int

    @dataclass
    class StepMore:
        """A chunk, after which there may be more."""

        value: bytes

    @dataclass
    class StepLast:
        """The last chunk."""

        value: bytes

    @dataclass
    class StepDone:
        """There are no more chunks."""

    @dataclass
    class InputErrorTruncated:
        """The client stopped sending."""

    @dataclass
    class InputErrorMalformed:
        """The body is not HTTP."""

        value: str

    @dataclass
    class InputErrorTooLarge:
        """The body is longer than the limit."""

    @dataclass
    class InputErrorTimedOut:
        """Nothing arrived in time."""

    @dataclass
    class StartErrorHeadersSent:
        """The first bytes are on their way."""

    @dataclass
    class StartErrorAlreadyCalled:
        """It was called before."""

    @dataclass
    class StartErrorInvalid:
        """Status or headers are not valid."""

        value: str

    @dataclass
    class WriteErrorNotStarted:
        """`start_response` has not been called."""

    @dataclass
    class WriteErrorClosed:
        """Nobody takes the bytes any more."""

    @dataclass
    class WriteErrorFinished:
        """The body was said to be complete."""
