"""Confluent's wire format: how a record says which schema its value was written with.

By prefix, the five bytes of a frame (a magic byte 0, the schema's id as four bytes big-endian) stand before the encoded
value. By header, the same five bytes are the header ``__value_schema_id`` and the value is the encoded one as it is; a magic
byte 1 and the sixteen bytes of a GUID in that header, which Confluent's own serialiser writes, are recognised and refused.
"""

from __future__ import annotations

import struct
import uuid
from typing import Final

from headrace.errors import UndecodableRecord

HEADER_SIZE: Final = 5
ID_MAX: Final = 2**31 - 1
"""A registry's ids are positive Java ints."""

HEADER_SCHEMA_ID: Final = "__value_schema_id"

_GUID_SIZE: Final = 17

_HEADER: Final = struct.Struct(">bI")


def frame_head(schema_id: int) -> bytes:
    """The five bytes before a value. Raises ValueError for an id that no registry gives."""
    if not 1 <= schema_id <= ID_MAX:
        raise ValueError(f"{schema_id} is not a schema id (1 to {ID_MAX})")
    return _HEADER.pack(0, schema_id)


def framed_id(value: bytes) -> int | None:
    """The schema id of a value that is framed by prefix, whose payload begins at `HEADER_SIZE`; None for another one."""
    if len(value) < HEADER_SIZE:
        return None
    magic, schema_id = _HEADER.unpack_from(value)
    return schema_id if magic == 0 else None


def not_framed(value: bytes) -> UndecodableRecord:
    """For a value that has no frame, of a record that has no `HEADER_SCHEMA_ID` either."""
    if len(value) < HEADER_SIZE:
        return UndecodableRecord(f"{len(value)} bytes are too few for a framed value", reason="framing")
    return UndecodableRecord(
        f"the value begins with byte {value[0]:#04x} instead of 0 and there is no header {HEADER_SCHEMA_ID}: "
        "it is not in the registry's wire format",
        reason="framing",
    )


def read_header(header: bytes) -> int:
    """The schema id in the value of `HEADER_SCHEMA_ID`. Raises `UndecodableRecord`."""
    if len(header) == _GUID_SIZE and header[0] == 1:
        raise UndecodableRecord(
            f"the header {HEADER_SCHEMA_ID} names its schema by GUID; only ids are read",
            hint="the producer's serialiser is to write the id, in the header or before the value",
            reason="framing",
            schema_guid=str(uuid.UUID(bytes=header[1:])),
        )
    if len(header) != HEADER_SIZE or header[0] != 0:
        raise UndecodableRecord(
            f"the header {HEADER_SCHEMA_ID} holds no schema id: {len(header)} bytes", reason="framing"
        )
    return int(_HEADER.unpack(header)[1])
