"""The network: there is none. Its names are there, for libraries that import them; making a socket is refused."""

from __future__ import annotations

import errno
from typing import Any, NoReturn

REFUSAL = (
    "a component reaches no network. Keep data in the application, or have the client ask the other service; "
    "requests come in through the host"
)


def patch(module: Any) -> None:
    """What of `socket` would reach out or listen."""
    # The host grants none, and would say no more than "Permission denied".
    module.socket.__init__ = refuse
    for name in ("socketpair", "create_server", "fromfd"):
        setattr(module, name, refuse)

    def getaddrinfo(*_: Any, **__: Any) -> NoReturn:
        raise module.gaierror(module.EAI_FAIL, REFUSAL)

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo"):
        setattr(module, name, getaddrinfo)


def refuse(*_: Any, **__: Any) -> NoReturn:
    """Raises PermissionError, an OSError as for a network that is down."""
    raise PermissionError(errno.EACCES, REFUSAL)
