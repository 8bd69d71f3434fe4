"""Schemas as people have them: files and values, of a format that may have to be guessed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from headrace.errors import InvalidSchema
from headrace.model.schema import SchemaFormat, SchemaText

MAX_BYTES: Final = 16 * 1024 * 1024
"""Of a schema file, or of a line with two schemas."""

_AVRO_TYPES: Final = frozenset(("record", "enum", "fixed", "map", "bytes", "int", "long", "float", "double"))


def read_schema(path: Path, form: SchemaFormat | None = None) -> SchemaText:
    """The schema of a file. ``form`` None: by the name's ending, else by what stands in it. Raises `InvalidSchema`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise InvalidSchema(f"{path} is larger than {MAX_BYTES // 1024**2} MiB")
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise InvalidSchema(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidSchema(f"{path} is not UTF-8") from error
    value = parsed(text, str(path))
    guess = SchemaFormat.AVRO if path.suffix == ".avsc" else guessed(value)
    return SchemaText(form or guess, text)


def parsed(text: str, what: str) -> Any:
    """JSON, whose errors are an `InvalidSchema` that names ``what``."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise InvalidSchema(f"{what} nests too deeply") from error
    except ValueError as error:
        raise InvalidSchema(f"{what} is no JSON: {error}") from error


def guessed(value: Any) -> SchemaFormat:
    """Avro where it has a type that only Avro has, or is a union or a name; else JSON Schema."""
    if isinstance(value, list | str):
        return SchemaFormat.AVRO
    kind = value.get("type") if isinstance(value, Mapping) else None
    avro = isinstance(kind, Mapping) or (isinstance(kind, str) and kind in _AVRO_TYPES)
    return SchemaFormat.AVRO if avro else SchemaFormat.JSON_SCHEMA


def schema_of(value: Any, form: SchemaFormat) -> SchemaText:
    """The schema that a value of a JSON document means: the schema itself, or its text. Raises `InvalidSchema`."""
    if not isinstance(value, str):
        return SchemaText(form, json.dumps(value, ensure_ascii=False))
    if form is SchemaFormat.AVRO and value.isidentifier():
        return SchemaText(form, json.dumps(value))  # a primitive type's bare name
    return SchemaText(form, value)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")
