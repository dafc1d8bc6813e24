"""Random numbers, and what time it is."""

import random
import secrets
import time
import uuid

from .common import ok

# Made before the snapshot, and yet another one in each instance.
OWN = random.Random()


def app(environ, start_response):
    ok(start_response)
    numbers = [random.getrandbits(64), secrets.randbits(64), OWN.getrandbits(64), uuid.uuid4().int, uuid.uuid1().node]
    time.sleep(0)
    return [f"{'/'.join(f'{n:x}' for n in numbers)} {int(time.time())}".encode()]
