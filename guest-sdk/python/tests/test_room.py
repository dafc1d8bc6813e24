"""The holes that an import leaves in memory."""

import unittest
from unittest import mock

from wasgi import room


class Block:
    def __init__(self, address):
        self.address = address


class Heap:
    """An allocator that takes the first hole that is large enough, and else what lies behind all of them."""

    BEHIND = 1 << 30

    def __init__(self, *holes):
        self.holes = [[begin, size] for begin, size in holes]

    def bytes(self, length):
        return self.take(room.HEAD + length)

    def object(self):
        return self.take(16)

    def take(self, size):
        for hole in self.holes:
            if hole[1] >= size:
                hole[:] = hole[0] + size, hole[1] - size
                return Block(hole[0] - size)
        return Block(self.BEHIND)


class Holes(unittest.TestCase):
    def fill(self, heap):
        replaced = {"bytes": heap.bytes, "object": heap.object, "id": lambda block: block.address}
        with mock.patch.multiple(room, create=True, _filled=[], **replaced):
            room.fill()
            return room._filled[0]

    def test_every_hole_is_filled(self):
        heap = Heap((1000, 16), (2000, 4096), (9000, 40), (20_000, 300_000), (400_000, 8))
        filled = self.fill(heap)
        self.assertEqual([left for _, left in heap.holes if left >= 16], [])
        self.assertEqual(len({block.address for block in filled}), len(filled))

    def test_memory_without_holes_stays_as_it_is(self):
        self.assertEqual(self.fill(Heap()), [])

    def test_there_is_an_end(self):
        half = room.LARGE // 2
        heap = Heap(*((number * room.LARGE, half) for number in range(400)))
        self.fill(heap)
        taken = sum(half - left for _, left in heap.holes)
        self.assertGreater(taken, room.MOST // 2)
        self.assertLessEqual(taken, room.MOST + 16 * room.HOLES)


if __name__ == "__main__":
    unittest.main()
