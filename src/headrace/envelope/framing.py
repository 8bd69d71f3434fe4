"""Confluent's wire format: a magic byte 0, the schema's id as four bytes big-endian, then the encoded value."""

from __future__ import annotations

import struct
from typing import Final

from headrace.errors import UndecodableRecord

HEADER_SIZE: Final = 5
ID_MAX: Final = 2**31 - 1
"""A registry's ids are positive Java ints."""

_HEADER: Final = struct.Struct(">bI")


def frame_head(schema_id: int) -> bytes:
    """The five bytes before a value. Raises ValueError for an id that no registry gives."""
    if not 1 <= schema_id <= ID_MAX:
        raise ValueError(f"{schema_id} is not a schema id (1 to {ID_MAX})")
    return _HEADER.pack(0, schema_id)


def read_frame(value: bytes) -> int:
    """The schema id of a framed value, whose payload begins at `HEADER_SIZE`. Raises `UndecodableRecord`."""
    if len(value) < HEADER_SIZE:
        raise UndecodableRecord(f"{len(value)} bytes are too few for a framed value", reason="framing")
    magic, schema_id = _HEADER.unpack_from(value)
    if magic != 0:
        raise UndecodableRecord(
            f"the value begins with byte {value[0]:#04x} instead of 0: it is not in the registry's wire format",
            reason="framing",
        )
    return int(schema_id)
