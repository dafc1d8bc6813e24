"""The network: there is none. Sockets can be made, as libraries do while they are imported; connecting is refused."""

from __future__ import annotations

import errno
from typing import Any, NoReturn

REFUSAL = (
    "a component reaches no network. Keep data in the application, or have the client ask the other service; "
    "requests come in through the host"
)


def patch(module: Any) -> None:
    """What of `socket` would reach out or listen."""
    for name in ("connect", "connect_ex", "bind", "listen", "accept", "sendto", "sendmsg", "shutdown"):
        setattr(module.socket, name, refuse)
    for name in ("socketpair", "create_server", "fromfd"):
        setattr(module, name, refuse)

    def getaddrinfo(*_: Any, **__: Any) -> NoReturn:
        raise module.gaierror(module.EAI_FAIL, REFUSAL)

    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo"):
        setattr(module, name, getaddrinfo)


def refuse(*_: Any, **__: Any) -> NoReturn:
    """Raises PermissionError, an OSError as for a network that is down."""
    raise PermissionError(errno.EACCES, REFUSAL)
