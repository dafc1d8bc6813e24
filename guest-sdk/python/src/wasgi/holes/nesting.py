"""JSON nested without end. CPython's compiled scanner calls itself for each bracket and looks for the end of a stack
that is not the one which ends first in a component: so the instance would be lost, and not the request.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from itertools import accumulate
from typing import Any

#: How deep a document may be: what the compiled scanner has taken by default up to Python 3.11.
LIMIT = 1000

_DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1}
#: All but brackets; a string without an end goes on to that of the document.
_OTHERS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[^\[\]{}"]++', re.DOTALL)


def patch(module: Any) -> None:
    """Has json's decoders look at what they are given, those that were made already, too."""
    scanner: Any = sys.modules["json.scanner"]
    make = scanner.make_scanner

    def make_scanner(context: Any) -> Callable[[str, int], tuple[Any, int]]:
        return guarded(make(context))

    scanner.make_scanner = make_scanner
    module._default_decoder.scan_once = guarded(module._default_decoder.scan_once)


def guarded(scan: Callable[[str, int], tuple[Any, int]]) -> Callable[[str, int], tuple[Any, int]]:
    """A scanner that refuses what is nested too deep."""

    def scan_once(string: str, index: int) -> tuple[Any, int]:
        # Most documents have not so many brackets at all.
        if string.count("[") + string.count("{") > LIMIT and depth(string[index:]) > LIMIT:
            raise RecursionError("maximum recursion depth exceeded while decoding a JSON document")
        return scan(string, index)

    return scan_once


def depth(string: str) -> int:
    """How deep the brackets outside of strings are nested."""
    return max(accumulate(map(_DEEPER.__getitem__, _OTHERS.sub("", string))), default=0)
