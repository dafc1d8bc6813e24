"""What the guest's CPython has not, tried inside a component: each path is a function, whose answer is the page."""

import hashlib
import os
import sqlite3
import tempfile
from datetime import datetime


def pbkdf2():
    return hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2).hex()


def scrypt():
    return hashlib.scrypt(b"", salt=b"", n=16, r=1, p=1, dklen=16).hex()


def zones():
    from zoneinfo import ZoneInfo

    return str(datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/London")).utcoffset())


def idna():
    return "bücher.example".encode("idna").decode()


def temporary():
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "file"), "w+") as file:
        file.write("written")
        file.seek(0)
        return file.read()


def home():
    import pathlib

    homes = pathlib.Path.home(), pathlib.Path("~/a").expanduser(), os.path.expanduser(b"~"), os.path.expanduser("~x/~")
    return " ".join(map(str, homes))


def user():
    return f"{os.getuid()} {os.getppid()} {os.umask(0o022):o}"


def database():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (x)")
    connection.executemany("insert into t values (?)", [(1,), (2,)])
    different = connection.execute("select random() <> random()").fetchone()[0]
    return f"{connection.execute('select sum(x) from t').fetchone()[0]} {different}"


def loop():
    import asyncio

    async def sleeps():
        await asyncio.sleep(0.001)
        return "slept"

    return asyncio.run(sleeps())


def late():
    import colorsys

    return str(colorsys.rgb_to_hsv(1, 0, 0))


def random():
    import random
    import secrets
    import uuid

    return f"{random.random()} {secrets.token_hex()} {uuid.uuid4()}"


def database_file():
    sqlite3.connect("guests.db")


def read_only():
    open("/app/file", "w")


def thread():
    import threading

    threading.Thread(target=print).start()


def connecting():
    import socket

    socket.socket().connect(("192.0.2.1", 80))


def looking_up():
    import socket

    socket.getaddrinfo("example.test", 80)


def tls():
    import ssl

    ssl.create_default_context().wrap_socket(None)


def process():
    import subprocess

    subprocess.run(["true"])


def native():
    import ctypes

    ctypes.CDLL("libc.so.6")


def recursion(method):
    """Without end, through a special method and C."""

    def calls_itself(self, *args):
        calls = {"repr": repr, "str": str, "iter": list, "eq": lambda x: x == self, "hash": lambda x: hash((x,))}
        return calls[method](self)

    class Recursive:
        pass

    setattr(Recursive, f"__{method}__", calls_itself)
    return calls_itself(Recursive())


def attribute():
    class Recursive:
        def __getattr__(self, name):
            return getattr(self, name + "x")

    return Recursive().x


def callback(n=0):
    return sorted([1], key=lambda _: callback(n + 1))


def nested():
    """As deep as JSON may be."""
    import json
    import pickle

    value = json.loads("[" * 1000 + "]" * 1000)
    texts = repr(value), json.dumps(value)
    return [len(text) for text in texts], len(pickle.dumps(value)) > 1000, value == json.loads(texts[0])


def immortal():
    """Which objects are, of those that the snapshot holds: kinds that don't change."""
    import sys

    made = ["in", "a", "request"]
    return [sys._is_immortal(each) for each in (nested, nested.__code__, sqlite3.Connection, sys.path, made)]


def leaving():
    os._exit(3)


def app(environ, start_response):
    name, _, argument = environ["PATH_INFO"].strip("/").partition("/")
    if not name:
        answer = "\n"
    else:
        try:
            answer = str(globals()[name](*filter(None, [argument])))
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [answer.encode()]
