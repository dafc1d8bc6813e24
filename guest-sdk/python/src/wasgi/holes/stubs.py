"""Modules that are not there and that libraries import all the same. They can be imported; using them is refused."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import Any, NoReturn

NO_TLS = (
    "there is no TLS in a component: the host speaks it with the clients (environ['wsgi.url_scheme']), "
    "and outgoing connections are not there"
)
NO_NATIVE = "there is no native code to call in a component: use the package's pure-Python variant"

CONSTANTS = {
    "CERT_NONE": 0, "CERT_OPTIONAL": 1, "CERT_REQUIRED": 2,
    "PROTOCOL_TLS": 2, "PROTOCOL_SSLv23": 2, "PROTOCOL_TLS_CLIENT": 16, "PROTOCOL_TLS_SERVER": 17,
    "OP_ALL": 0, "OP_NO_SSLv2": 0, "OP_NO_SSLv3": 0, "OP_NO_TLSv1": 0, "OP_NO_TLSv1_1": 0, "OP_NO_COMPRESSION": 0,
    "OP_NO_TICKET": 0, "OP_NO_RENEGOTIATION": 0, "OP_SINGLE_DH_USE": 0, "OP_SINGLE_ECDH_USE": 0,
    "OP_CIPHER_SERVER_PREFERENCE": 0, "OP_IGNORE_UNEXPECTED_EOF": 0,
    "VERIFY_DEFAULT": 0, "VERIFY_X509_STRICT": 32, "VERIFY_X509_PARTIAL_CHAIN": 0x80000,
    "HAS_SNI": False, "HAS_ALPN": False, "HAS_NEVER_CHECK_COMMON_NAME": True,
    "HAS_SSLv2": False, "HAS_SSLv3": False, "HAS_TLSv1": False, "HAS_TLSv1_1": False, "HAS_TLSv1_2": False,
    "HAS_TLSv1_3": False, "CHANNEL_BINDING_TYPES": [],
    # urllib3 looks for a version that it knows.
    "OPENSSL_VERSION": "OpenSSL 3.0.0 (absent: there is no TLS in a component)",
    "OPENSSL_VERSION_INFO": (3, 0, 0, 0, 0), "OPENSSL_VERSION_NUMBER": 0x30000000,
    "SSL_ERROR_ZERO_RETURN": 6, "SSL_ERROR_WANT_READ": 2, "SSL_ERROR_WANT_WRITE": 3, "SSL_ERROR_SYSCALL": 5,
    "SSL_ERROR_SSL": 1, "SSL_ERROR_EOF": 8,
}  # fmt: skip

ENUMERATIONS = {
    "TLSVersion": {"MINIMUM_SUPPORTED": -2, "TLSv1_2": 771, "TLSv1_3": 772, "MAXIMUM_SUPPORTED": -1},
    "Purpose": {"SERVER_AUTH": 1, "CLIENT_AUTH": 2},
    "VerifyMode": {"CERT_NONE": 0, "CERT_OPTIONAL": 1, "CERT_REQUIRED": 2},
}


def ssl(module: Any) -> None:
    """Fills `ssl`: constants, exceptions and inert contexts, which libraries make before they know whether they need
    them. Nothing can be wrapped."""

    class SSLError(OSError):
        """As ssl has it."""

        library = reason = None

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise SSLError(1, NO_TLS)

    vars(module).update(CONSTANTS)
    module.SSLError = module.socket_error = SSLError
    kinds = "SSLZeroReturnError SSLWantReadError SSLWantWriteError SSLSyscallError SSLEOFError SSLCertVerificationError"
    for name in kinds.split():
        setattr(module, name, type(name, (SSLError,), {"__module__": "ssl"}))
    module.CertificateError = module.SSLCertVerificationError
    for name in ("SSLSocket", "SSLObject", "SSLSession", "MemoryBIO"):
        setattr(module, name, type(name, (), {"__module__": "ssl", "__init__": refuse}))
    module.SSLContext = type("SSLContext", (Context,), {"wrap_socket": refuse, "wrap_bio": refuse})
    for name, members in ENUMERATIONS.items():
        setattr(module, name, IntEnum(name, members))
    module.Options = int
    for name in ("create_default_context", "_create_default_https_context", "_create_unverified_context"):
        setattr(module, name, lambda *_, **__: module.SSLContext())
    for name in ("wrap_socket", "get_server_certificate", "get_default_verify_paths", "RAND_bytes"):
        setattr(module, name, refuse)


class Context:
    """ssl.SSLContext: takes every setting."""

    __module__ = "ssl"

    post_handshake_auth = hostname_checks_common_name = False
    minimum_version = maximum_version = keylog_filename = sni_callback = None

    def __init__(self, protocol: int = 2, *_: Any, **__: Any) -> None:
        self.protocol = protocol
        self.options = 0
        self.verify_flags = self.verify_mode = 0
        self.check_hostname = False

    def _take(self, *_: Any, **__: Any) -> None:
        """Nothing to set."""

    load_cert_chain = load_default_certs = load_verify_locations = set_default_verify_paths = _take
    set_alpn_protocols = set_ciphers = set_ecdh_curve = set_npn_protocols = load_dh_params = _take


class Native(type):
    """The type of what stands for a C type: can be multiplied, subclassed and pointed to, not made."""

    def __mul__(cls, length: int) -> Native:
        return cls

    def __call__(cls, *_: Any, **__: Any) -> NoReturn:
        raise OSError(NO_NATIVE)


def ctypes(module: Any) -> None:
    """Fills `ctypes`: every name stands for a type that can't be made."""
    made: dict[str, Native] = {}

    def __getattr__(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return made.setdefault(name, Native(name, (), {"__module__": "ctypes"}))

    module.__getattr__ = __getattr__
    module.__path__ = []
    module.util = util = type(module)("ctypes.util")
    util.find_library = lambda _: None
    sys.modules["ctypes.util"] = util
    module.ArgumentError = type("ArgumentError", (Exception,), {"__module__": "ctypes"})
    module.sizeof = lambda _: 4
