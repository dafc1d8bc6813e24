"""One request from `handle` to its end: the application's iterable as the host's body."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from . import handles, hooks, standard, wit
from .environ import build
from .errors import Errors
from .failure import exc_info, log
from .input import Input
from .start_response import StartResponse
from .wit import Err, Report, StepDone, StepLast, StepMore

#: An application, as PEP 3333 has it.
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

DONE = StepDone()


class Body:
    """A response in progress. The host calls `next` until it is done, then `close`, then `sent` where hooks wait.

    It has a `__dict__` and not slots, since the toolchain keeps its own attributes in it (see `recycle`).
    """

    _environ: dict[str, Any]
    _input: Input
    _errors: Errors
    _start_response: StartResponse
    _hooks: list[hooks.Hook]
    _iterable: Any
    _chunks: Iterator[bytes]
    _left: int
    _failure: BaseException | None

    def begin(self, application: Application, environ: wit.Environ, start_response: wit.StartResponse) -> None:
        """Calls the application. What it raises waits for the first `next`: the host wants a body in any case."""
        self._failure = self._iterable = None
        self._left = -1
        self._hooks = []
        self._input = Input(environ)
        self._errors = Errors(environ)
        self._start_response = StartResponse(start_response)
        try:
            self._environ = build(environ, self._input, self._errors, self._hooks)
            iterable: Any = application(self._environ, self._start_response)
            self._iterable = iterable
            try:
                self._left = len(iterable)
            except (AttributeError, NotImplementedError, TypeError):
                pass
            self._chunks = iter(iterable)
        except BaseException as error:
            self._failure = error

    def next(self) -> StepMore | StepLast | StepDone:
        """The next chunk; raises Err with what the application raised."""
        try:
            if self._failure is not None:
                raise self._failure
            if self._left == 0:
                return DONE
            self._left -= 1
            chunk = next(self._chunks, DONE)
            if chunk is DONE:
                return DONE
            if type(chunk) is not bytes:
                raise AssertionError("write() argument must be a bytes instance")
            handles.make_room(len(chunk))
            # len() can be relied on (PEP 3333, "Handling the Content-Length Header"), so the last chunk is known for
            # what it is, and the host need not ask once more.
            return StepLast(chunk) if self._left == 0 else StepMore(chunk)
        except BaseException as error:
            described = exc_info(error)
        raise Err(described)

    def close(self) -> bool:
        """Calls the iterable's close() if it has one. Whether hooks wait."""
        try:
            close = getattr(self._iterable, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            log(self._errors.write, "close()", error)
        self._iterable = self._chunks = self._failure = None  # type: ignore[assignment]
        self._flush()
        if self._hooks:
            return True
        self._end()
        return False

    def sent(self, report: Report) -> None:
        """Runs the hooks."""
        hooks.run(self._hooks, self._environ, report, self._errors)
        self._flush()
        self._end()

    def _flush(self) -> None:
        """Sends what was logged and printed without a newline."""
        try:
            self._errors.flush()
        except BaseException:
            pass  # there is no memory for it
        if standard.unended:
            standard.end()

    def _end(self) -> None:
        """The request is over: its handles are of no use, whoever still holds something of it."""
        handles.drop(self._errors.release())
        handles.drop(self._start_response.release())
        self._input.release()
        recycle(self)


#: Bodies whose request is over.
spare: list[Body] = []


def new() -> Body:
    """A body for a request."""
    return spare.pop() if spare else Body()


def recycle(body: Body) -> None:
    """Makes a body the next request's.

    componentize-py 0.25.1 never frees what it was given for an exported resource: it counts a reference for the host,
    and forgets it when the host drops its handle. With what it left on the object taken off, it makes a new handle
    when it is given the object again.
    """
    body.__dict__.clear()
    spare.append(body)
