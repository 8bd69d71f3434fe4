"""A batch as one blob: what one commit stored of one topic, encoded and checked as a whole.

    byte 0      form: 1 dense (offsets base, base+1, ...), 2 sparse (compaction left gaps)
    bytes 1-4   CRC-32 of the rest, big-endian
    the rest    MessagePack: an array of records, each [key, value, [[header, value]...]]; sparse: [delta, record] each

One encode call for a whole batch costs a fifth of a call for each record. Not compressed: zlib at its lowest level halves
what a core can write, and the embedded broker is for small machines with a disk of their own.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec

from headrace.errors import StoreCorrupt
from headrace.model.record import Headers, Record, StoredRecord

DENSE = 1
SPARSE = 2
_HEAD = 5

_encode = msgspec.msgpack.Encoder().encode
_dense = msgspec.msgpack.Decoder(list[tuple[bytes | None, bytes | None, Headers]])
_sparse = msgspec.msgpack.Decoder(list[tuple[int, tuple[bytes | None, bytes | None, Headers]]])


def _framed(form: int, body: bytes) -> bytes:
    return b"%c%b%b" % (form, zlib.crc32(body).to_bytes(4, "big"), body)


def encode_dense(records: Sequence[Record]) -> bytes:
    return _framed(DENSE, _encode(records))


def encode_sparse(records: Sequence[tuple[int, Record]]) -> bytes:
    """``records``: each with its distance from the batch's first offset, ascending."""
    return _framed(SPARSE, _encode(records))


def decode(topic: str, base: int, timestamp: int, blob: bytes) -> list[StoredRecord]:
    """The records of a batch. Raises `StoreCorrupt` naming topic and offset where the bytes are not what was written."""
    body = memoryview(blob)[_HEAD:]
    if len(blob) < _HEAD or zlib.crc32(body) != int.from_bytes(blob[1:_HEAD], "big"):
        raise StoreCorrupt(
            f"the batch of {topic} at offset {base} is damaged: its checksum does not match", topic=topic, offset=base
        )
    try:
        if blob[0] == DENSE:
            return [
                StoredRecord(topic, offset, timestamp, key, value, headers)
                for offset, (key, value, headers) in enumerate(_dense.decode(body), base)
            ]
        if blob[0] == SPARSE:
            return [
                StoredRecord(topic, base + delta, timestamp, key, value, headers)
                for delta, (key, value, headers) in _sparse.decode(body)
            ]
    except msgspec.MsgspecError as error:
        raise StoreCorrupt(f"the batch of {topic} at offset {base} is damaged", topic=topic, offset=base) from error
    raise StoreCorrupt(
        f"the batch of {topic} at offset {base} has the unknown form {blob[0]}", topic=topic, offset=base
    )
