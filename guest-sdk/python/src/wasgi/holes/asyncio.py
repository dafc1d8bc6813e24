"""asyncio without sockets: a loop that runs coroutines and sleeps, which is what `asyncio.run` in a view needs."""

from __future__ import annotations

import sys
import time
from typing import Any


def patch(module: Any) -> None:
    """Makes such a loop the one of asyncio.run and asyncio.new_event_loop."""
    from asyncio import base_events, events
    from selectors import BaseSelector, SelectorKey

    class Sleeper(BaseSelector):
        """Waits for time only."""

        def register(self, fileobj: Any, mask: int, data: Any = None) -> SelectorKey:
            raise OSError("a component has nothing to wait for but time")

        def unregister(self, fileobj: Any) -> SelectorKey:
            raise KeyError(fileobj)

        def select(self, timeout: float | None = None) -> list[Any]:
            if timeout is None:
                raise RuntimeError("the event loop waits for something that can't happen: a component has one thread")
            if timeout > 0:
                time.sleep(timeout)
            return []

        def get_map(self) -> dict[Any, SelectorKey]:
            return {}

    class EventLoop(base_events.BaseEventLoop):
        """asyncio's loop over that selector."""

        def __init__(self) -> None:
            super().__init__()
            self._selector = Sleeper()

        def _process_events(self, event_list: Any) -> None:
            """There are none."""

        def _write_to_self(self) -> None:
            """Nobody else could call."""

    module.EventLoop = EventLoop
    module.new_event_loop = events.new_event_loop = EventLoop
    runners: Any = sys.modules["asyncio.runners"]
    runners.events.new_event_loop = EventLoop
