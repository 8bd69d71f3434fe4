"""The one kind of regular expression that a schema may use.

JSON Schema asks for ECMA-262's dialect, but a registry, a Java consumer and a Python one each bring their own. The subset here
is where ECMA-262, Rust's `regex` (ours) and Python's `re` agree on every text without a line end (there `$` and `.` differ):
literals, ``.``, classes of characters and ranges, groups ``(...)`` and ``(?:...)``, ``|``, ``^ $``, quantifiers
``* + ? {n} {n,} {n,m}`` with an optional lazy ``?``, escapes of punctuation, and ``\\n \\r \\t \\f \\v \\xHH \\uHHHH``. Not
in it: ``\\d \\w \\s \\b`` (they differ on other alphabets: write ``[0-9]``), ``\\p{..}``, look-around and back-references (no
engine that takes linear time has them), named groups and flags (spelt differently everywhere).

The engine is linear in the text's length (`RegexOptions`), so a hostile text cannot hold up a producer or consumer.
"""

from __future__ import annotations

import re
from typing import Any, Final

from headrace.model.json_references import Document, fragment

_PUNCTUATION: Final = frozenset("^$\\.*+?()[]{}|/-")
_CONTROL: Final = frozenset("nrtfv")
_ASCII_ONLY: Final = {
    "d": "[0-9]",
    "D": "[^0-9]",
    "w": "[A-Za-z0-9_]",
    "W": "[^A-Za-z0-9_]",
    "s": "[ \\t\\r\\n]",
    "S": "[^ \\t\\r\\n]",
}
_QUANTIFIER: Final = re.compile(r"[*+?]|\{([0-9]{1,4})(?:(,)([0-9]{1,4})?)?\}")
_HEX: Final = re.compile(r"x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}")
_SET_OPERATORS: Final = ("&&", "--", "~~", "||")


def pattern_problem(pattern: str) -> str | None:
    """Why ``pattern`` is outside the subset, in one sentence; None if it is inside."""
    try:
        _Reader(pattern).read()
    except _Outside as problem:
        return str(problem)
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"it does not parse: {error}"
    return None


def pattern_problems(schema: Any) -> list[tuple[str, str]]:
    """Each `pattern` and each name under `patternProperties` outside the subset: its place as a JSON pointer with ``#``,
    and a sentence that says why. Raises ValueError where the schema's references do not resolve."""
    found = []
    for pointer, sub in Document(schema).schemas.items():
        if isinstance(sub, bool):
            continue
        own = [("pattern",)] if isinstance(sub.get("pattern"), str) else []
        named = [("patternProperties", name) for name in sub.get("patternProperties", {})]
        for place in [*own, *named]:
            pattern = sub["pattern"] if place == ("pattern",) else place[-1]
            if problem := pattern_problem(pattern):
                found.append((fragment((*pointer, *place)), f"the regular expression {pattern!r}: {problem}"))
    return found


class _Outside(Exception):
    """The pattern leaves the subset."""


class _Reader:
    """Reads a pattern once, left to right, and raises `_Outside` at the first thing that is not in the subset."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def read(self) -> None:
        depth = 0
        repeatable = False
        while self._at < len(self._text):
            c = self._text[self._at]
            if c == "\\":
                self._escape(in_class=False)
                repeatable = True
            elif c == "[":
                self._class()
                repeatable = True
            elif c == "(":
                if self._text.startswith("(?", self._at) and not self._text.startswith("(?:", self._at):
                    raise _Outside(
                        f"{self._text[self._at : self._at + 4]!r} (look-around, flags and named groups are not portable)"
                    )
                self._at += 3 if self._text.startswith("(?:", self._at) else 1
                depth += 1
                repeatable = False
            elif c == ")":
                if not depth:
                    raise _Outside("a ')' without its '('")
                depth -= 1
                self._at += 1
                repeatable = True
            elif c in "*+?{":
                repeatable = self._quantifier(repeatable)
            elif c in "}]":
                raise _Outside(f"a bare {c!r}; write \\{c}")
            else:
                self._at += 1
                repeatable = c not in "^$|"
                self._character(c)
        if depth:
            raise _Outside("a '(' without its ')'")

    def _quantifier(self, repeatable: bool) -> bool:
        match = _QUANTIFIER.match(self._text, self._at)
        if match is None:
            raise _Outside("a bare '{'; write \\{, or {n}, {n,}, {n,m}")
        if not repeatable:
            raise _Outside(f"{match[0]!r} has nothing to repeat")
        low, comma, high = match.groups()
        if comma and high and int(high) < int(low):
            raise _Outside(f"{match[0]!r} counts down")
        self._at = match.end() + self._text.startswith("?", match.end())
        return False

    def _class(self) -> None:
        start = self._at
        self._at += 2 if self._text.startswith("[^", self._at) else 1
        first = self._at
        previous: str | None = None
        while True:
            if self._at >= len(self._text):
                raise _Outside("a '[' without its ']'")
            if any(self._text.startswith(op, self._at) for op in _SET_OPERATORS):
                raise _Outside(f"{self._text[self._at : self._at + 2]!r} inside [...] is an operator in some engines")
            c = self._text[self._at]
            if c == "]":
                if self._at == first:
                    raise _Outside("an empty class [] or [^]")
                self._at += 1
                return
            if c == "[":
                raise _Outside("a bare '[' inside [...]; write \\[")
            if c == "-" and previous is not None and not self._text.startswith("-]", self._at):
                self._at += 1
                if self._at >= len(self._text):
                    raise _Outside("a '[' without its ']'")
                high = self._class_member(start)
                if high < previous:
                    raise _Outside(f"the range {previous}-{high} counts down")
                previous = None
            else:
                previous = self._class_member(start)

    def _class_member(self, start: int) -> str:
        c = self._text[self._at]
        if c == "\\":
            return self._escape(in_class=True)
        if c == "[" or (c == "^" and self._at == start + 1 and self._text[start + 1] != "^"):
            raise _Outside(f"a bare {c!r} inside [...]; write \\{c}")
        self._character(c)
        self._at += 1
        return c

    def _escape(self, *, in_class: bool) -> str:
        self._at += 1
        rest = self._text[self._at : self._at + 1]
        if rest == "":
            raise _Outside("it ends with a '\\'")
        if match := _HEX.match(self._text, self._at):
            self._at = match.end()
            character = chr(int(match[0][1:], 16))
            self._character(character)
            return character
        self._at += 1
        if rest in _PUNCTUATION and (in_class or rest != "-"):
            return rest
        if rest in _CONTROL:
            return {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v"}[rest]
        if rest in _ASCII_ONLY:
            raise _Outside(f"\\{rest} means different characters in different engines; write {_ASCII_ONLY[rest]}")
        raise _Outside(f"the escape \\{rest} is not portable")

    def _character(self, c: str) -> None:
        if "\ud800" <= c <= "\udfff":
            raise _Outside("half a surrogate pair")
        if c > "\uffff":
            raise _Outside("a character beyond U+FFFF (two units in some engines)")
