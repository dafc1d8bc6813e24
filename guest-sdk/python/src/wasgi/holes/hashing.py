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

MASK = 0xFFFFFFFF
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
    """scryptROMix. Whole blocks are numbers, so that one operation combines all of a block."""
    size = 128 * r
    x = int.from_bytes(block, "little")
    table = []
    for _ in range(n):
        table.append(x)
        x = _mix_block(x, r, size)
    last = 8 * 64 * (2 * r - 1)
    for _ in range(n):
        x = _mix_block(x ^ table[(x >> last) & (n - 1)], r, size)
    return x.to_bytes(size, "little")


def _mix_block(block: int, r: int, size: int) -> int:
    """scryptBlockMix."""
    words = struct.unpack(f"<{32 * r}I", block.to_bytes(size, "little"))
    x = words[-16:]
    even, odd = [], []
    for i in range(0, 32 * r, 32):
        x = _salsa(x, words[i : i + 16])
        even.append(x)
        x = _salsa(x, words[i + 16 : i + 32])
        odd.append(x)
    return int.from_bytes(b"".join(struct.pack("<16I", *part) for part in even + odd), "little")


def _salsa(x: tuple[int, ...], y: tuple[int, ...]) -> tuple[int, ...]:
    """Salsa20/8 of the exclusive or of two blocks, written out: it is called 4·n·r times."""
    start = a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15 = [i ^ j for i, j in zip(x, y)]
    for _ in range(4):
        t = (a0 + a12) & MASK
        a4 ^= (t << 7 & MASK) | t >> 25
        t = (a4 + a0) & MASK
        a8 ^= (t << 9 & MASK) | t >> 23
        t = (a8 + a4) & MASK
        a12 ^= (t << 13 & MASK) | t >> 19
        t = (a12 + a8) & MASK
        a0 ^= (t << 18 & MASK) | t >> 14
        t = (a5 + a1) & MASK
        a9 ^= (t << 7 & MASK) | t >> 25
        t = (a9 + a5) & MASK
        a13 ^= (t << 9 & MASK) | t >> 23
        t = (a13 + a9) & MASK
        a1 ^= (t << 13 & MASK) | t >> 19
        t = (a1 + a13) & MASK
        a5 ^= (t << 18 & MASK) | t >> 14
        t = (a10 + a6) & MASK
        a14 ^= (t << 7 & MASK) | t >> 25
        t = (a14 + a10) & MASK
        a2 ^= (t << 9 & MASK) | t >> 23
        t = (a2 + a14) & MASK
        a6 ^= (t << 13 & MASK) | t >> 19
        t = (a6 + a2) & MASK
        a10 ^= (t << 18 & MASK) | t >> 14
        t = (a15 + a11) & MASK
        a3 ^= (t << 7 & MASK) | t >> 25
        t = (a3 + a15) & MASK
        a7 ^= (t << 9 & MASK) | t >> 23
        t = (a7 + a3) & MASK
        a11 ^= (t << 13 & MASK) | t >> 19
        t = (a11 + a7) & MASK
        a15 ^= (t << 18 & MASK) | t >> 14
        t = (a0 + a3) & MASK
        a1 ^= (t << 7 & MASK) | t >> 25
        t = (a1 + a0) & MASK
        a2 ^= (t << 9 & MASK) | t >> 23
        t = (a2 + a1) & MASK
        a3 ^= (t << 13 & MASK) | t >> 19
        t = (a3 + a2) & MASK
        a0 ^= (t << 18 & MASK) | t >> 14
        t = (a5 + a4) & MASK
        a6 ^= (t << 7 & MASK) | t >> 25
        t = (a6 + a5) & MASK
        a7 ^= (t << 9 & MASK) | t >> 23
        t = (a7 + a6) & MASK
        a4 ^= (t << 13 & MASK) | t >> 19
        t = (a4 + a7) & MASK
        a5 ^= (t << 18 & MASK) | t >> 14
        t = (a10 + a9) & MASK
        a11 ^= (t << 7 & MASK) | t >> 25
        t = (a11 + a10) & MASK
        a8 ^= (t << 9 & MASK) | t >> 23
        t = (a8 + a11) & MASK
        a9 ^= (t << 13 & MASK) | t >> 19
        t = (a9 + a8) & MASK
        a10 ^= (t << 18 & MASK) | t >> 14
        t = (a15 + a14) & MASK
        a12 ^= (t << 7 & MASK) | t >> 25
        t = (a12 + a15) & MASK
        a13 ^= (t << 9 & MASK) | t >> 23
        t = (a13 + a12) & MASK
        a14 ^= (t << 13 & MASK) | t >> 19
        t = (a14 + a13) & MASK
        a15 ^= (t << 18 & MASK) | t >> 14
    rounds = (a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15)
    return tuple([(i + j) & MASK for i, j in zip(start, rounds)])
