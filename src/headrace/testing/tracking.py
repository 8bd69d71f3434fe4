"""Observing what a handler reads of an event: dicts, lists and typed models that note the paths of the values they give away.

A *read* is a value that leaves: ``data["storeId"]``, ``data.get("promotionId")``, ``"promotionId" in data``, a value met while
iterating. Passing through a container (``data["lines"]``, ``for line in lines``, ``len``) is not; what is then taken out of
it is. The tracked values are real dicts, lists and structs. What copies them in C without asking (orjson, msgspec, a
validator, as when the whole data is published again) is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import msgspec

Note = Callable[[str], None]


def tracked(value: Any, path: str, note: Note) -> Any:
    """``value`` as it is handed to a handler: a container that notes, or a scalar, which is noted now."""
    if isinstance(value, TrackedDict | TrackedList):
        return value
    if isinstance(value, dict):
        return TrackedDict(value, path, note)
    if isinstance(value, list):
        return TrackedList(value, path, note)
    if isinstance(value, msgspec.Struct):
        return _tracked_struct(value, path, note)
    note(path)
    return value


class TrackedDict(dict[str, Any]):
    __slots__ = ("_note", "_path")

    def __init__(self, value: dict[str, Any], path: str, note: Note) -> None:
        super().__init__(value)
        self._path = path
        self._note = note

    def _at(self, key: Any) -> str:
        return f"{self._path}.{key}"

    def __getitem__(self, key: str) -> Any:
        try:
            value = super().__getitem__(key)
        except KeyError:
            self._note(self._at(key))
            raise
        return tracked(value, self._at(key), self._note)

    def get(self, key: str, default: Any = None) -> Any:
        if super().__contains__(key):
            return self[key]
        self._note(self._at(key))
        return default

    def __contains__(self, key: object) -> bool:
        self._note(self._at(key))
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        # Overridden so that dict(data) and {**data} go through `__getitem__` (CPython copies a plain dict directly).
        return super().__iter__()

    def values(self) -> Any:
        return [self[key] for key in self]

    def items(self) -> Any:
        return [(key, self[key]) for key in self]

    def pop(self, key: str, *default: Any) -> Any:
        self.get(key)
        return super().pop(key, *default)

    def copy(self) -> dict[str, Any]:
        return TrackedDict(self, self._path, self._note)

    def __eq__(self, other: object) -> bool:
        _all_below(self, self._path, self._note)
        return super().__eq__(other)

    __hash__ = None


class TrackedList(list[Any]):
    __slots__ = ("_note", "_path")

    def __init__(self, value: Iterable[Any], path: str, note: Note) -> None:
        super().__init__(value)
        self._path = path
        self._note = note

    def _wrap(self, value: Any) -> Any:
        return tracked(value, f"{self._path}[]", self._note)

    def __getitem__(self, index: Any) -> Any:
        value = super().__getitem__(index)
        if isinstance(index, slice):
            return TrackedList(value, self._path, self._note)
        return self._wrap(value)

    def __iter__(self) -> Iterator[Any]:
        return map(self._wrap, super().__iter__())

    def __reversed__(self) -> Iterator[Any]:
        return map(self._wrap, super().__reversed__())

    def __contains__(self, value: object) -> bool:
        _all_below(self, self._path, self._note)
        return super().__contains__(value)

    def __eq__(self, other: object) -> bool:
        _all_below(self, self._path, self._note)
        return super().__eq__(other)

    __hash__ = None


def _all_below(value: Any, path: str, note: Note) -> None:
    """Note every scalar under a container: something looked at all of it."""
    if isinstance(value, dict):
        for key, item in dict.items(value):
            _all_below(item, f"{path}.{key}", note)
    elif isinstance(value, list):
        for item in list.__iter__(value):
            _all_below(item, f"{path}[]", note)
    else:
        note(path)


_NOTE = "_headrace_note"
_PATH = "_headrace_path"


@cache
def _tracking_class(model: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """A subclass of a model whose instances note the fields that are read, by their names in JSON."""
    fields = {field.name: field.encode_name for field in msgspec.structs.fields(model)}

    def __getattribute__(self: Any, name: str) -> Any:  # noqa: N807 - becomes the method
        value = object.__getattribute__(self, name)
        if name not in fields:
            return value
        own = object.__getattribute__(self, "__dict__")
        note = own.get(_NOTE)
        return value if note is None else tracked(value, f"{own[_PATH]}.{fields[name]}", note)

    namespace = {
        "__getattribute__": __getattribute__,
        "__module__": model.__module__,
        "__qualname__": model.__qualname__,
    }
    # `dict=True` gives the instances room for the note; a struct has no place of its own for it.
    metaclass: Any = type(model)
    made: type[msgspec.Struct] = metaclass(model.__name__, (model,), namespace, dict=True)
    return made


def _tracked_struct(value: msgspec.Struct, path: str, note: Note) -> msgspec.Struct:
    cls = type(value)
    copy = _tracking_class(cls)(**{field.name: getattr(value, field.name) for field in msgspec.structs.fields(cls)})
    vars(copy)[_NOTE] = note
    vars(copy)[_PATH] = path
    return copy


def undeclared(touched: Iterable[str], declared: Iterable[str]) -> list[str]:
    """The touched paths that no declared one covers: a path covers itself and all below it."""
    covers = tuple(declared)
    return sorted(
        path for path in set(touched) if not any(path == c or path.startswith((c + ".", c + "[")) for c in covers)
    )
