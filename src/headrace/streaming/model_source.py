"""Typed models of a product's events, as Python source, from the declaration.

A field is required only where every schema version of the product requires it: what any version in the log or in use lacks
is optional, so that a consumer reads old and new events alike. Names in Python are snake_case; names in JSON are kept in
``msgspec.field(name=...)``.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence

from headrace.model.product import EventDeclaration, StreamingProduct
from headrace.streaming.model_schemas import SCALARS, DataSchema, data_schema

_LINE = 120


def model_source(product: StreamingProduct) -> str:
    """A module with a class for each event and for each object inside it. Deterministic."""
    body = "\n\n".join(_EventWriter(product, event).source() for event in product.events)
    imports = ["ClassVar", *(name for name in ("Any", "Literal") if re.search(rf"\b{name}\b", body))]
    return (
        f'"""Events of {product.key}, version {product.version}.\n\n'
        f'Written by `headrace models {product.id}`: write it again rather than edit it.\n"""\n\n'
        "from __future__ import annotations\n\n"
        f"from typing import {', '.join(sorted(imports))}\n\n"
        "import headrace\n"
        "import msgspec\n\n\n" + body
    )


class _EventWriter:
    def __init__(self, product: StreamingProduct, event: EventDeclaration) -> None:
        self._product = product
        self._event = event
        self._classes: dict[str, str] = {}
        """Source by class name, in the order of need: what is used stands before its user where it can."""
        self._taken: dict[str, str] = {}
        """Class names by what they were made from, so that a recursive type ends."""

    def source(self) -> str:
        schemas = [data_schema(version.document, self._product.format) for version in self._event.versions]
        self._class(self._event.name, schemas, root=True)
        return "\n\n".join(self._classes.values())

    def _class(self, name: str, schemas: Sequence[DataSchema], *, root: bool = False) -> str:
        unique = name
        number = 2
        while unique in self._taken.values():
            unique = f"{name}{number}"
            number += 1
        place = schemas[0].identity
        if not root and place in self._taken:
            return self._taken[place]
        self._taken[place] = unique
        base = "headrace.Model" if root else "msgspec.Struct"
        lines = [f"class {unique}({base}, frozen=True, kw_only=True, omit_defaults=True):"]
        text = (self._event.description if root else "") or schemas[-1].description
        if text:
            lines += _docstring(text)
        if root:
            lines += [
                f'    __product__: ClassVar[str] = "{self._product.id}"',
                f'    __event__: ClassVar[str] = "{self._event.name}"',
                f"    __major__: ClassVar[int] = {self._product.major}",
            ]
        used: set[str] = set()
        names = list(dict.fromkeys(field for schema in schemas for field in schema.fields))
        for field in names:
            lines.append(self._field(unique, field, schemas, used))
        if len(lines) == 1:
            lines.append("    pass")
        self._classes[unique] = "\n".join(lines) + "\n"
        return unique

    def _field(self, owner: str, field: str, schemas: Sequence[DataSchema], used: set[str]) -> str:
        python = _python_name(field, used)
        with_it = [schema.fields[field] for schema in schemas if field in schema.fields]
        required = len(with_it) == len(schemas) and all(field in schema.required for schema in schemas)
        kind = self._type(owner + _pascal(field), with_it)
        if not required and "None" not in kind.split(" | ") and kind != "Any":
            kind += " | None"
        arguments = [] if python == field else [f"name={_text(field)}"]
        if not required:
            arguments.append("default=None")
        if not arguments:
            return f"    {python}: {kind}"
        if arguments == ["default=None"]:
            return f"    {python}: {kind} = None"
        return f"    {python}: {kind} = msgspec.field({', '.join(arguments)})"

    def _type(self, name: str, schemas: Sequence[DataSchema]) -> str:
        """The type of one value over all versions: the union of theirs."""
        parts: list[str] = []
        branches = [branch for schema in schemas for branch in schema.branches]
        objects = [b for b in branches if b.kind == "object"]
        arrays = [b for b in branches if b.kind == "array"]
        if any(b.kind == "any" for b in branches) or (len(objects) > 0 and _differ(objects)):
            return "Any"
        if objects:
            parts.append(self._class(name, objects) if objects[0].fields else self._mapping(name, objects))
        if arrays:
            parts.append(f"list[{self._type(_one_of(name), [b.items for b in arrays])}]")
        literals = [b.literals for b in branches if b.literals]
        scalars = [b.kind for b in branches if b.kind in SCALARS.values() or b.kind == "bytes"]
        if literals and len(literals) == len([s for s in scalars if s == "str"]):
            values = list(dict.fromkeys(value for listed in literals for value in listed))
            parts.append(f"Literal[{', '.join(_text(value) for value in values)}]")
            scalars = [s for s in scalars if s != "str"]
        parts += scalars
        ordered = list(dict.fromkeys(parts))
        if "float" in ordered and "int" in ordered:
            ordered.remove("int")
        if "None" in ordered:
            ordered.remove("None")
            ordered.append("None")
        return " | ".join(ordered) or "Any"

    def _mapping(self, name: str, objects: Sequence[DataSchema]) -> str:
        values = [b.values for b in objects if b.values is not None]
        inner = self._type(name + "Value", values) if len(values) == len(objects) else "Any"
        return f"dict[str, {inner}]"


def _differ(objects: Sequence[DataSchema]) -> bool:
    """Whether some are records and others open maps: no one class stands for both."""
    return len({bool(b.fields) for b in objects}) > 1


def _python_name(field: str, used: set[str]) -> str:
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", field)
    name = re.sub(r"\W+", "_", name).strip("_").lower() or "field"
    if name[0].isdigit():
        name = f"field_{name}"
    if keyword.iskeyword(name):
        name += "_"
    base, number = name, 2
    while name in used:
        name = f"{base}_{number}"
        number += 1
    used.add(name)
    return name


def _one_of(name: str) -> str:
    """What an item of ``OrderLines`` is called: ``OrderLine``."""
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else f"{name}Item"


def _pascal(field: str) -> str:
    words = re.split(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])", field)
    return "".join(word[:1].upper() + word[1:] for word in words if word)


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _docstring(text: str) -> list[str]:
    plain = re.sub(r"\s+", " ", text).strip().replace("\\", "\\\\").replace('"""', "'''")
    if plain.endswith('"'):
        plain += " "
    words, lines, line = plain.split(" "), [], '    """'
    for word in words:
        if len(line) + len(word) + 1 > _LINE - 3 and line.strip():
            lines.append(line.rstrip())
            line = "    "
        line += word + " "
    return [*lines, line.rstrip() + '"""', ""]
