"""Regular expressions as sets of texts: which text is in some and not in others, and whether one lies within another.

The subset of `headrace.model.json_patterns` (with ``\\d \\w \\s`` read as ECMA-262 does), searched in a text as JSON Schema
does. An expression becomes an automaton; several are walked together, breadth first, so that the text found is a shortest
one. What is outside the subset, or too large to walk, is `Unknown`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

MAX_NODES: Final = 3_000
MAX_STEPS: Final = 4_000
MAX_TEXT: Final = 10_000
"""Characters of an expression; a longer one is not reasoned about."""
"""Sets of states that a walk may visit."""
MAX_REPEAT: Final = 300
LAST: Final = 0x10FFFF
PREFERRED: Final = "aA0bB1cC2xyzXYZ3456789-_ .:/@#+*!?"
"""A text is for people: these characters are taken where there is a choice."""

Ranges = tuple[tuple[int, int], ...]
Tree = tuple[Any, ...]

_ANY: Final[Ranges] = ((0, 9), (11, LAST))
"""``.``: everything but a line feed."""
_SPACE: Final[Ranges] = (
    *((9, 13), (32, 32), (160, 160), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029)),
    *((0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF)),
)
_CLASSES: Final[dict[str, Ranges]] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": _SPACE,
}
_ESCAPES: Final = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11}
_PUNCTUATION: Final = frozenset("^$\\.*+?()[]{}|/-")


class Unknown(Exception):  # an answer, which no caller of this package sees
    """Outside of what can be reasoned about."""


def _invert(ranges: Ranges) -> Ranges:
    out, next_ = [], 0
    for low, high in sorted(ranges):
        if low > next_:
            out.append((next_, low - 1))
        next_ = max(next_, high + 1)
    if next_ <= LAST:
        out.append((next_, LAST))
    return tuple(out)


class _Reader:
    """A pattern as a tree: ``("set", ranges)``, ``("seq", ...)``, ``("alt", ...)``, ``("rep", tree, least, most)``,
    ``("^",)``, ``("$",)``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def read(self) -> Tree:
        if len(self.text) > MAX_TEXT:
            raise Unknown
        tree = self._alternatives(0)
        if self.at < len(self.text):
            raise Unknown
        return tree

    def _peek(self, ahead: int = 0) -> str:
        return self.text[self.at + ahead : self.at + ahead + 1]

    def _take(self) -> str:
        if self.at >= len(self.text):
            raise Unknown
        self.at += 1
        return self.text[self.at - 1]

    def _alternatives(self, depth: int) -> Tree:
        if depth > 40:
            raise Unknown
        branches = [self._sequence(depth)]
        while self._peek() == "|":
            self.at += 1
            branches.append(self._sequence(depth))
        return branches[0] if len(branches) == 1 else ("alt", *branches)

    def _sequence(self, depth: int) -> Tree:
        parts: list[Tree] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._quantified(self._atom(depth)))
        return parts[0] if len(parts) == 1 else ("seq", *parts)

    def _quantified(self, tree: Tree) -> Tree:
        least, most = 1, 1
        sign = self._peek()
        if sign and sign in "*+?":
            self.at += 1
            least, most = {"*": (0, -1), "+": (1, -1), "?": (0, 1)}[sign]
        elif sign == "{":
            end = self.text.find("}", self.at)
            low, comma, high = self.text[self.at + 1 : end].partition(",")
            if end < 0 or not low.isdigit() or (high and not high.isdigit()):
                raise Unknown
            least, most = int(low), int(high) if high else -1 if comma else int(low)
            self.at = end + 1
        else:
            return tree
        if self._peek() == "?":
            self.at += 1  # lazy or not is the same to a search for any match
        if tree[0] in "^$" or max(least, most) > MAX_REPEAT or self._peek() in ("*", "+", "{"):
            raise Unknown
        return ("rep", tree, least, most)

    def _atom(self, depth: int) -> Tree:
        sign = self._take()
        if sign in "^$":
            return (sign,)
        if sign == ".":
            return ("set", _ANY)
        if sign == "[":
            return ("set", self._bracket())
        if sign == "(":
            if self._peek() == "?":
                if self._peek(1) != ":":
                    raise Unknown
                self.at += 2
            tree = self._alternatives(depth + 1)
            if self._take() != ")":
                raise Unknown
            return tree
        if sign == "\\":
            return ("set", self._escape())
        if sign in "*+?{":
            raise Unknown
        return ("set", ((ord(sign), ord(sign)),))

    def _escape(self) -> Ranges:
        sign = self._take()
        if sign.lower() in _CLASSES:
            ranges = _CLASSES[sign.lower()]
            return ranges if sign.islower() else _invert(ranges)
        if sign in _ESCAPES:
            point = _ESCAPES[sign]
        elif sign in "xu":
            digits = self.text[self.at : self.at + (2 if sign == "x" else 4)]
            try:
                point = int(digits, 16)
            except ValueError:
                raise Unknown from None
            self.at += len(digits)
        elif sign in _PUNCTUATION:
            point = ord(sign)
        else:
            raise Unknown
        return ((point, point),)

    def _bracket(self) -> Ranges:
        inverted = self._peek() == "^"
        self.at += inverted
        ranges: list[tuple[int, int]] = []
        while self._peek() != "]":
            low = self._member()
            if self._peek() == "-" and self._peek(1) not in ("]", ""):
                self.at += 1
                high = self._member()
                if len(low) > 1 or len(high) > 1 or low[0][0] > high[0][1]:
                    raise Unknown
                ranges.append((low[0][0], high[0][1]))
            else:
                ranges += low
        self.at += 1
        found = tuple(sorted(ranges))
        return _invert(found) if inverted else found

    def _member(self) -> Ranges:
        sign = self._take()
        if sign == "[":
            raise Unknown
        return self._escape() if sign == "\\" else ((ord(sign), ord(sign)),)


class Automaton:
    """``edges[n]``: (characters, target); ``silent[n]``: (condition, target), the condition ``""``, ``"^"`` or ``"$"``.
    Node 0 is the start, node 1 accepts."""

    def __init__(self, pattern: str) -> None:
        self.edges: list[list[tuple[Ranges, int]]] = [[], []]
        self.silent: list[list[tuple[str, int]]] = [[], []]
        self.silent[self._build(_Reader(pattern).read(), 0)].append(("", 1))

    def _node(self) -> int:
        if len(self.edges) >= MAX_NODES:
            raise Unknown
        self.edges.append([])
        self.silent.append([])
        return len(self.edges) - 1

    def _build(self, tree: Tree, source: int) -> int:
        """Add ``tree`` after the node ``source``; the node where it ends."""
        kind = tree[0]
        if kind == "set":
            target = self._node()
            self.edges[source].append((tree[1], target))
            return target
        if kind == "seq":
            for part in tree[1:]:
                source = self._build(part, source)
            return source
        if kind == "alt":
            target = self._node()
            for part in tree[1:]:
                begin = self._node()
                self.silent[source].append(("", begin))
                self.silent[self._build(part, begin)].append(("", target))
            return target
        if kind == "rep":
            return self._repeat(tree[1], tree[2], tree[3], source)
        target = self._node()
        self.silent[source].append((kind, target))
        return target

    def _repeat(self, tree: Tree, least: int, most: int, source: int) -> int:
        for _ in range(least):
            source = self._build(tree, source)
        if most < 0:
            loop = self._node()
            self.silent[source].append(("", loop))
            self.silent[self._build(tree, loop)].append(("", loop))
            return loop
        end = self._node()
        for _ in range(most - least):
            self.silent[source].append(("", end))
            begin = self._node()
            self.silent[source].append(("", begin))
            source = self._build(tree, begin)
        self.silent[source].append(("", end))
        return end

    def closure(self, nodes: Iterable[int], *, start: bool = False, end: bool = False) -> frozenset[int]:
        seen = set(nodes)
        stack = list(seen)
        while stack:
            for condition, target in self.silent[stack.pop()]:
                if target not in seen and (not condition or (start if condition == "^" else end)):
                    seen.add(target)
                    stack.append(target)
        return frozenset(seen)

    def begin(self) -> frozenset[int]:
        return self.closure((0,), start=True)

    def step(self, states: frozenset[int], point: int) -> frozenset[int]:
        """After one more character. A match found stays found; a search may begin anywhere."""
        if 1 in states:
            return _FOUND
        after = {0}
        for node in states:
            for ranges, target in self.edges[node]:
                if any(low <= point <= high for low, high in ranges):
                    after.add(target)
        found = self.closure(after)
        return _FOUND if 1 in found else found

    def accepts(self, states: frozenset[int], *, empty: bool = False) -> bool:
        return 1 in states or 1 in self.closure(states, start=empty, end=True)

    def bounds(self) -> Iterable[int]:
        """Where one of its sets of characters begins or has just ended."""
        for edges in self.edges:
            for ranges, _ in edges:
                for low, high in ranges:
                    yield low
                    yield high + 1


_FOUND: Final = frozenset((1,))


@lru_cache(maxsize=2048)
def automaton(pattern: str) -> Automaton:
    """Raises `Unknown`."""
    return Automaton(pattern)


def _alphabet(automata: Sequence[Automaton]) -> list[int]:
    """One character for each class that the expressions tell apart, the ones that read best first."""
    bounds = sorted({0, *(b for each in automata for b in each.bounds() if b <= LAST)})
    chosen: list[tuple[int, int]] = []
    for low, after in zip(bounds, [*bounds[1:], LAST + 1], strict=True):
        liked = next((i for i, c in enumerate(PREFERRED) if low <= ord(c) < after), None)
        if liked is not None:
            chosen.append((liked, ord(PREFERRED[liked])))
            continue
        point = next((p for p in (0x21, 0xE9, 0x4E00) if low <= p < after), low)
        if 0xD800 <= point <= 0xDFFF:  # half a surrogate pair is no text
            point = 0xE000 if after > 0xE000 else -1
        if point >= 0:
            chosen.append((len(PREFERRED) + (point < 32), point))
    return [point for _, point in sorted(chosen)]


def find(inside: Sequence[str], outside: Sequence[str] = (), *, least: int = 0, most: int | None = None) -> str | None:
    """A shortest text of ``least`` to ``most`` characters that all of ``inside`` match and none of ``outside`` does; None:
    there is none. Raises `Unknown`."""
    found, text = _sought(tuple(inside), tuple(outside), least, most)
    if not found:
        raise Unknown
    return text


@lru_cache(maxsize=4096)
def _sought(inside: tuple[str, ...], outside: tuple[str, ...], least: int, most: int | None) -> tuple[bool, str | None]:
    """Whether it is known, and the text: what is not known takes long to find out, once."""
    try:
        return True, _search(inside, outside, least, most)
    except Unknown:
        return False, None


def _search(inside: tuple[str, ...], outside: tuple[str, ...], least: int, most: int | None) -> str | None:
    wanted, refused = [automaton(p) for p in inside], [automaton(p) for p in outside]
    automata = [*wanted, *refused]
    alphabet = _alphabet(automata)
    # Beyond `least` the length no longer matters unless there is an upper bound, so it is not part of the state.
    start = (tuple(a.begin() for a in automata), 0)
    seen = {start}
    queue: deque[tuple[tuple[tuple[frozenset[int], ...], int], str]] = deque([(start, "")])
    steps = 0
    while queue:
        (states, length), text = queue.popleft()
        if len(text) >= least and _fits(automata, states, len(wanted), empty=not text):
            return text
        if most is not None and len(text) >= most:
            continue
        steps += 1 + sum(len(each) for each in states) // 8  # large sets of nodes take longer
        if steps > MAX_STEPS:
            raise Unknown
        for point in alphabet:
            following = tuple(a.step(s, point) for a, s in zip(automata, states, strict=True))
            count = len(text) + 1 if most is not None else min(len(text) + 1, least)
            state = (following, count)
            if state not in seen:
                seen.add(state)
                queue.append((state, text + chr(point)))
        del length
    return None


def _fits(automata: Sequence[Automaton], states: Sequence[frozenset[int]], wanted: int, *, empty: bool) -> bool:
    return all(
        automaton.accepts(each, empty=empty) == (index < wanted)
        for index, (automaton, each) in enumerate(zip(automata, states, strict=True))
    )


@lru_cache(maxsize=4096)
def included(inner: str, outer: str) -> bool | None:
    """Whether every text that ``inner`` matches is matched by ``outer``; None: not known."""
    try:
        return find((inner,), (outer,)) is None
    except Unknown:
        return None


@lru_cache(maxsize=4096)
def length_within(pattern: str, least: int, most: int | None) -> bool | None:
    """Whether every text that ``pattern`` matches has ``least`` to ``most`` characters; None: not known."""
    try:
        if least and find((pattern,), most=least - 1) is not None:
            return False
        return most is None or find((pattern,), least=most + 1) is None
    except Unknown:
        return None
