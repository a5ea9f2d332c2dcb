"""What the tests of recordings share: a recording's blocks, as src/trace/form.h has them."""

import struct
from collections import namedtuple
from pathlib import Path

HEADER = 16
HEAD = struct.Struct("<IBBHIIIIQQII")
(CATALOGUE, SITES, FACTS, STATE, EVENTS, NAMES, MARK, INDEX, TRACK) = range(1, 10)

Block = namedtuple("Block", "kind offset end track events first_ns")


def blocks_of(path):
    data, at, blocks = Path(path).read_bytes(), HEADER, []
    while at + HEAD.size <= len(data):
        magic, kind, _, _, track, events, _, stored, first_ns, *_ = HEAD.unpack_from(data, at)
        if magic != int.from_bytes(b"ATBK"[::-1], "big"):
            break
        end = at + HEAD.size + stored
        if end > len(data):
            break
        blocks.append(Block(kind, at, end, track, events, first_ns))
        at = end
    return blocks


def events_of(path):
    return sum(block.events for block in blocks_of(path))
