"""Reaches for files and the network, and shows what it got."""

import os
import socket
import subprocess

from .common import number, ok


def write(path):
    with open(path, "w") as stream:
        return stream.write("x")


def read(path):
    with open(path, "rb") as stream:
        return stream.read()


def app(environ, start_response):
    ok(start_response)
    host = ("127.0.0.1", number(environ, "port"))
    attempts = {
        "read a file": lambda: read("/etc/hostname"),
        "read the component": lambda: read("forbidden.wasm"),
        "list the root": lambda: os.listdir("/etc"),
        "list here": lambda: os.listdir("/home"),
        "write a file": lambda: write("/app/of-a-guest"),
        "make a folder": lambda: os.mkdir("/of-a-guest"),
        "connect": lambda: socket.create_connection(host),
        "listen": lambda: socket.create_server(("127.0.0.1", 0)),
        "send a packet": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", host),
        "resolve a name": lambda: socket.getaddrinfo("localhost", 80),
        "run a program": lambda: subprocess.run(["true"], check=False),
    }
    for what, attempt in attempts.items():
        try:
            yield f"{what}: GOT {attempt()!r}\n".encode()
        except OSError as error:
            yield f"{what}: refused, {error.strerror}\n".encode()
