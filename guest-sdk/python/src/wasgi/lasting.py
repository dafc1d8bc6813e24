"""Which objects of the snapshot last as long as their instance: `wasgi build` makes them immortal (PEP 683).

Counting references is writing: to each function, class and string that a request comes by. They lie in memory that all
instances share, and the first write to each 4 KiB of that is a fault and a copy. CPython does not count the references
of immortal objects. It lets no program make one, so their addresses are noted here, and marked in the component.

An object that is never freed frees nothing that it holds. So these are kinds that a program makes once, when it is
imported, and that don't change; and no instances of a program's own classes.
"""

from __future__ import annotations

import gc
import re
import types
from array import array
from collections.abc import Callable
from typing import Any

KINDS = frozenset({
    str, bytes, int, float, complex, tuple, frozenset, slice, re.Pattern,
    types.CodeType, types.FunctionType, types.BuiltinFunctionType, types.CellType, types.ModuleType,
    property, classmethod, staticmethod,
    types.ClassMethodDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType,
    types.MethodDescriptorType, types.WrapperDescriptorType,
})  # fmt: skip

#: Noted before they are written out.
_SOME = 8192


def note(path: str, open: Callable[..., Any]) -> None:
    """Writes the address of each, and that of its type, to a file; each a word of the guest."""
    noted = array("L")
    with open(path, "wb") as stream:
        for tracked in gc.get_objects():
            _take(tracked, noted)
            if type(tracked) is dict:
                for key in tracked:
                    _take(key, noted)
            for each in gc.get_referents(tracked):
                _take(each, noted)
            if len(noted) > _SOME:
                stream.write(noted.tobytes())
                del noted[:]
        stream.write(noted.tobytes())


def _take(each: Any, noted: array[int]) -> None:
    """Notes an object, and what it holds where the collector doesn't know it. Runs none of an application's code."""
    kind = type(each)
    if kind in KINDS or issubclass(kind, type):
        noted.append(id(each))
        noted.append(id(kind))
    if gc.is_tracked(each):
        return
    if kind is tuple:
        for item in each:
            _take(item, noted)
    elif kind is dict:
        for key, value in each.items():
            _take(key, noted)
            _take(value, noted)
    elif kind is types.CodeType:
        for part in (each.co_consts, each.co_names, each.co_name, each.co_qualname, each.co_filename):
            _take(part, noted)
