"""The envelope: what is said about an event beside its data. Inspired by CloudEvents 1.0, whose attributes have its names;
`meta`, one object, makes it not a CloudEvent (see `headrace.envelope.bindings`)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1)]

SPECVERSION: Final = "1.0"
JSON: Final = "application/json"
AVRO: Final = "application/avro"

META_REQUIRED: Final = ("tenant", "region", "product", "application", "schemaVersion", "publishedAt")
META_OPTIONAL: Final = ("correlationId", "causationId", "traceparent")


class Envelope(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event, as it was written.

    ``time``: when the fact occurred, RFC 3339. ``datacontenttype``: of the data. ``dataschema``: a URI reference, where a
    producer gave one. ``subject``: CloudEvents' own, what the event is about within its source. ``meta``: ``tenant``,
    ``region``, ``product``, ``application``, ``schemaVersion``, ``publishedAt``, and whatever else the producer put there.
    ``data`` is None where a tombstone deletes a key of a state product.
    """

    specversion: Literal["1.0"]
    type: Text
    source: Text
    id: Text
    time: Text
    datacontenttype: str
    meta: dict[str, Any]
    data: Any
    dataschema: Text | None = None
    subject: Text | None = None
