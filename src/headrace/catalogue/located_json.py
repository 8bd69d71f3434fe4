"""JSON with places: a value, and where in the text each part of it stands.

The value comes from Python's own parser. Places are needed only for faults, so a second, small scanner finds them then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from headrace.catalogue.codes import Code
from headrace.catalogue.findings import Finding, Path, Place

_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')

_MAX_DEPTH: Final = 100


class _Twice(Exception):
    """Some object of the text has a key twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        raise _Twice
    return out


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class JsonText:
    """One JSON document. ``parsed`` is False where the text is not JSON; ``findings``: what is wrong with the text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.findings: list[Finding] = []
        self.parsed = False
        self.value: Any = None
        try:
            try:
                self.value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
            except _Twice:
                self.value = json.loads(text, parse_constant=_no_constant)
                self.findings.extend(self._twice())
            self.parsed = not _too_deep(self.value)
            if not self.parsed:
                self.findings.append(Finding(Code.JSON_SYNTAX, "is nested too deeply", place=Place(1, 1)))
        except json.JSONDecodeError as error:
            place = Place(error.lineno, error.colno)
            self.findings.append(
                Finding(Code.JSON_SYNTAX, f"is not JSON: {error.msg}", _hint(text, error), place=place)
            )
        except ValueError as error:
            self.findings.append(Finding(Code.JSON_SYNTAX, f"is not JSON: {error}", place=self._constant()))
        except RecursionError:
            self.findings.append(Finding(Code.JSON_SYNTAX, "is nested too deeply", place=Place(1, 1)))

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where ``path`` stands, from 1: its value, or (``key``) its key. Where a part of the path is not there, the
        place of the nearest part that is."""
        best, depth = Place(1, 1), -1
        for found, key_at, value_at, _ in self._walk():
            if len(found) > depth and found == path[: len(found)]:
                depth = len(found)
                best = self._position(key_at if key and key_at is not None and len(found) == len(path) else value_at)
                if depth == len(path):
                    break
        return best

    def _twice(self) -> Iterator[Finding]:
        seen: dict[Path, int] = {}
        for path, key_at, _, again in self._walk():
            if again and key_at is not None:
                line = self._position(seen[path]).line
                message = f"has the key {path[-1]!r} twice; it stands in line {line} too"
                yield Finding(Code.JSON_DUPLICATE, message, place=self._position(key_at))
            elif key_at is not None:
                seen[path] = key_at

    def _constant(self) -> Place:
        for match in _TOKEN.finditer(self._text):
            if match[0] in ("NaN", "Infinity", "-Infinity"):
                return self._position(match.start())
        return Place(1, 1)

    def _walk(self) -> Iterator[tuple[Path, int | None, int, bool]]:
        """Each value: its path, where its key and it begin, and whether its key has been seen before in the object."""
        stack: list[set[str] | None] = []  # of each open object its keys, of each open list None
        path: list[str | int] = []
        key_at: int | None = None
        expect_key = False
        for match in _TOKEN.finditer(self._text):
            part, at = match[0], match.start()
            if part in "}]":
                keys = stack.pop()
                if keys is None or keys:  # a list, or an object that is not empty, has a step of its own
                    path.pop()
                expect_key = False
            elif part == ",":
                expect_key = stack[-1] is not None
                last = path.pop()
                if isinstance(last, int) and not expect_key:
                    path.append(last + 1)
            elif part == ":":
                expect_key = False
            elif expect_key:
                path.append(json.loads(part))
                key_at = at
            else:
                keys = stack[-1] if stack else None
                again = keys is not None and path[-1] in keys
                if keys is not None:
                    keys.add(str(path[-1]))
                yield tuple(path), key_at if keys is not None else None, at, again
                if part == "{":
                    stack.append(set())
                    expect_key = True
                elif part == "[":
                    stack.append(None)
                    path.append(0)

    def _position(self, offset: int) -> Place:
        before = self._text.rfind("\n", 0, offset)
        return Place(self._text.count("\n", 0, offset) + 1, offset - before)


def _too_deep(value: Any) -> bool:
    """Whether lists and objects nest deeper than what reads a schema or an event may recurse."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [i for v in level if isinstance(v, dict | list) for i in (v.values() if isinstance(v, dict) else v)]
        if not level:
            return False
    return True


def _hint(text: str, error: json.JSONDecodeError) -> str:
    rest = text[error.pos : error.pos + 2]
    if rest[:1] in ("}", "]") or error.msg.startswith("Illegal trailing comma"):
        return "there may be a comma too many before it"
    if rest.startswith(("//", "/*", "#")):
        return "JSON has no comments"
    if rest.startswith("'"):
        return "JSON has double quotes only"
    return ""
