"""A registry's entries as records of a compacted topic.

The key says what an entry is about, so compaction keeps the last of each; a null value takes it away. Both are JSON, as in
Confluent's ``_schemas``, which the idea is from; the entries are Headrace's own (see `registry_tables`):

    {"keytype":"ID","id":7}                             {"schemaType":"AVRO","schema":"...","references":[...]}
    {"keytype":"VERSION","subject":"s","version":1}     {"id":7,"deleted":false}
    {"keytype":"CONFIG","subject":"s"}                  {"compatibilityLevel":"FULL","normalize":true}
    {"keytype":"MODE","subject":""}                     {"mode":"READONLY"}
"""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.adapters.registry_tables import ConfigEntry, Entry, ModeEntry, Row, TextEntry, VersionEntry
from headrace.errors import RegistryError
from headrace.interfaces.registry_store import Mode, RegistryConfig
from headrace.model.record import Record, StoredRecord
from headrace.model.schema import Compatibility, SchemaFormat, SchemaReference, SchemaText

_encode = msgspec.json.encode
_FORMATS = {kind.registry_type: kind for kind in SchemaFormat}


class _Key(msgspec.Struct, omit_defaults=True):
    keytype: str
    subject: str | None = None
    version: int | None = None
    id: int | None = None


class _Text(msgspec.Struct):
    schemaType: str  # noqa: N815  Confluent's name
    schema: str
    references: tuple[SchemaReference, ...] = ()


class _Version(msgspec.Struct):
    id: int
    deleted: bool = False


class _Config(msgspec.Struct, omit_defaults=True):
    compatibilityLevel: Compatibility | None = None  # noqa: N815  Confluent's name
    normalize: bool | None = None


class _Mode(msgspec.Struct):
    mode: Mode


def record_of(entry: Entry) -> Record:
    match entry:
        case TextEntry(id=schema_id, schema=schema):
            text = _Text(schema.format.registry_type, schema.text, schema.references)
            return _record(_Key("ID", id=schema_id), text)
        case VersionEntry(subject=subject, version=version, row=row):
            held = None if row is None else _Version(row.id, row.deleted)
            return _record(_Key("VERSION", subject, version), held)
        case ConfigEntry(subject=subject, config=config):
            settings = None if config is None else _Config(config.compatibility, config.normalize)
            return _record(_Key("CONFIG", subject), settings)
        case ModeEntry(subject=subject, mode=mode):
            return _record(_Key("MODE", subject), None if mode is None else _Mode(mode))


def _record(key: _Key, value: msgspec.Struct | None) -> Record:
    return Record(_encode(key), None if value is None else _encode(value))


def entry_of(record: StoredRecord) -> Entry:
    """Raises `RegistryError` for what this release cannot read: guessing could give one id to two schemas."""
    try:
        key = msgspec.json.decode(record.key or b"", type=_Key)
        entry = _entry(key, record.value)
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError) as error:
        raise _unreadable(record, str(error)) from error
    if entry is None:
        raise _unreadable(record, f"no such entry: {key}")
    return entry


def _entry(key: _Key, value: bytes | None) -> Entry | None:
    match key:
        case _Key(keytype="ID", id=int(schema_id)) if value is not None:
            text = _decode(value, _Text)
            return TextEntry(schema_id, SchemaText(_FORMATS[text.schemaType], text.schema, text.references))
        case _Key(keytype="VERSION", subject=str(subject), version=int(version)):
            held = None if value is None else _decode(value, _Version)
            return VersionEntry(subject, version, None if held is None else Row(version, held.id, held.deleted))
        case _Key(keytype="CONFIG", subject=str(subject)):
            settings = None if value is None else _decode(value, _Config)
            return ConfigEntry(
                subject, None if settings is None else RegistryConfig(settings.compatibilityLevel, settings.normalize)
            )
        case _Key(keytype="MODE", subject=str(subject)):
            return ModeEntry(subject, None if value is None else _decode(value, _Mode).mode)
    return None


def _decode(value: bytes, kind: type[Any]) -> Any:
    return msgspec.json.decode(value, type=kind)


def _unreadable(record: StoredRecord, why: str) -> RegistryError:
    return RegistryError(
        f"{record.topic} holds at offset {record.offset} what this release cannot read: {why}",
        hint="give the registry a topic of its own, or use the release that wrote it",
        topic=record.topic,
        offset=record.offset,
    )
