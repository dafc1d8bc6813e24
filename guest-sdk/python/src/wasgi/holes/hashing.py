"""hashlib.pbkdf2_hmac and hashlib.scrypt, which CPython has from OpenSSL only.

Password hashers need them. Both are in Python around the compiled hashes; host/docs/sdk-python.md has what they cost.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import sys
from collections.abc import Callable
from typing import Any

#: The words of Salsa20 by the diagonals of its square: a round is then the same for the four words of a row.
ORDER = (0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11)
#: Four words of 32 bits in a row of 256.
WORDS = 0xFFFFFFFF * (1 | 1 << 64 | 1 << 128 | 1 << 192)
ROW = (1 << 256) - 1
CELL = (1 << 1024) - 1
#: OpenSSL's own default: 32 MiB.
MAX_MEMORY = 32 * 1024 * 1024
#: n * r * p from which scrypt takes seconds.
SLOW = 1 << 15


def patch(module: Any) -> None:
    """Adds what is missing."""
    for function in (pbkdf2_hmac, scrypt):
        if not hasattr(module, function.__name__):
            setattr(module, function.__name__, function)


def pbkdf2_hmac(hash_name: str, password: Any, salt: Any, iterations: int, dklen: int | None = None) -> bytes:
    """PBKDF2 (RFC 8018) with HMAC, with hashlib's arguments and errors."""
    if not isinstance(hash_name, str):
        raise TypeError(f"pbkdf2_hmac() argument 'hash_name' must be str, not {type(hash_name).__name__}")
    password, salt = bytes(memoryview(password)), bytes(memoryview(salt))
    size = hashlib.new(hash_name).digest_size
    dklen = size if dklen is None else dklen
    if iterations < 1:
        raise ValueError("iteration value must be greater than 0.")
    if dklen < 1:
        raise ValueError("key length must be greater than 0.")
    digest = _digest(hash_name)
    key = b""
    for block in range(1, -(-dklen // size) + 1):
        last = digest(password, salt + block.to_bytes(4, "big"))
        total = int.from_bytes(last)
        for _ in range(iterations - 1):
            last = digest(password, last)
            total ^= int.from_bytes(last)
        key += total.to_bytes(size)
    return key[:dklen]


def _digest(hash_name: str) -> Callable[[bytes, bytes], bytes]:
    """HMAC in one call: CPython 3.14 has compiled ones, 2.7 µs each in a component; hmac.digest is for the others."""
    try:
        import _hmac  # type: ignore[import-not-found]
    except ImportError:
        return lambda key, message: hmac.digest(key, message, hash_name)
    name = hash_name.lower().replace("-", "_")
    found = getattr(_hmac, f"compute_{name}", None)
    return found or (lambda key, message: hmac.digest(key, message, hash_name))


def scrypt(password: Any, *, salt: Any, n: int, r: int, p: int, maxmem: int = 0, dklen: int = 64) -> bytes:
    """scrypt (RFC 7914), with hashlib's arguments and errors."""
    if n < 2 or n & (n - 1):
        raise ValueError("n must be a power of 2.")
    if r < 1 or p < 1 or r * p >= 1 << 30:
        raise ValueError("r and p must be positive and r * p less than 2**30.")
    if 128 * r * (n + p + 2) > (maxmem or MAX_MEMORY):
        raise ValueError("memory limit exceeded")
    if n * r * p >= SLOW:
        sys.stderr.write(
            f"scrypt with n={n}, r={r}, p={p} is computed in Python and takes seconds; "
            "pbkdf2 is quicker here (generate_password_hash(password, 'pbkdf2') in Werkzeug)\n"
        )
    blocks = pbkdf2_hmac("sha256", password, salt, 1, p * 128 * r)
    mixed = b"".join(_mix(blocks[i : i + 128 * r], n, r) for i in range(0, len(blocks), 128 * r))
    return pbkdf2_hmac("sha256", password, mixed, 1, dklen)


def _mix(block: bytes, n: int, r: int) -> bytes:
    """scryptROMix. A block is one number, so that one operation combines all of it."""
    x = _pack(block)
    last = 1024 * (2 * r - 1)
    table = []
    for _ in range(n):
        table.append(x)
        x = _mix_block(x, r)
    for _ in range(n):
        x = _mix_block(x ^ table[(x >> last) & (n - 1)], r)
    return _unpack(x, r)


def _mix_block(block: int, r: int) -> int:
    """scryptBlockMix."""
    parts = [block >> 1024 * i & CELL for i in range(2 * r)]
    x = parts[-1]
    mixed = []
    for part in parts:
        x = _salsa(x ^ part)
        mixed.append(x.to_bytes(128, "little"))
    return int.from_bytes(b"".join(mixed[::2] + mixed[1::2]), "little")


def _salsa(x: int) -> int:
    """Salsa20/8, on four rows of four words at once: it is called 4·n·r·p times."""
    a = start_a = x & ROW
    b = start_b = x >> 256 & ROW
    c = start_c = x >> 512 & ROW
    d = start_d = x >> 768
    for _ in range(4):
        t = (a + d) & WORDS
        b ^= (t << 7 | t >> 25) & WORDS
        t = (b + a) & WORDS
        c ^= (t << 9 | t >> 23) & WORDS
        t = (c + b) & WORDS
        d ^= (t << 13 | t >> 19) & WORDS
        t = (d + c) & WORDS
        a ^= (t << 18 | t >> 14) & WORDS
        b = (b << 64 | b >> 192) & ROW
        c = (c << 128 | c >> 128) & ROW
        d = (d << 192 | d >> 64) & ROW
        t = (a + b) & WORDS
        d ^= (t << 7 | t >> 25) & WORDS
        t = (d + a) & WORDS
        c ^= (t << 9 | t >> 23) & WORDS
        t = (c + d) & WORDS
        b ^= (t << 13 | t >> 19) & WORDS
        t = (b + c) & WORDS
        a ^= (t << 18 | t >> 14) & WORDS
        b = (b << 192 | b >> 64) & ROW
        c = (c << 128 | c >> 128) & ROW
        d = (d << 64 | d >> 192) & ROW
    d = (d + start_d) & WORDS
    c = (c + start_c) & WORDS
    b = (b + start_b) & WORDS
    return (a + start_a) & WORDS | b << 256 | c << 512 | d << 768


def _pack(block: bytes) -> int:
    """A block's words as one number: 64 bits for each, so that sums and shifts have room, and in rows (see ORDER)."""
    words = struct.unpack(f"<{len(block) // 4}I", block)
    rows = [words[i + j] for i in range(0, len(words), 16) for j in ORDER]
    return int.from_bytes(struct.pack(f"<{len(rows)}Q", *rows), "little")


def _unpack(number: int, r: int) -> bytes:
    """The block again."""
    rows = struct.unpack(f"<{32 * r}Q", number.to_bytes(256 * r, "little"))
    words = [rows[i + ORDER.index(j)] for i in range(0, 32 * r, 16) for j in range(16)]
    return struct.pack(f"<{32 * r}I", *words)
