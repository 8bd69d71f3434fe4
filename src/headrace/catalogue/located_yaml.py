"""YAML with places: a plain value, and where in the text each part of it stands.

Scalars follow YAML 1.2's core schema and no more (`no` and `2026-03-01` are texts; a date is read where one is declared).
Anchors, aliases, tags and merge keys are refused: a fault would stand in one place and show in another, and a few lines could
stand for gigabytes. libyaml, through ruamel.yaml's C extension, parses 1,000 tenants in 0.05 s; ruamel's own parser needs 1 s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ruamel.yaml.cyaml import CBaseLoader
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from headrace.catalogue.codes import Code
from headrace.catalogue.findings import Finding, Path, Place

_INT: Final = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MAX_DEPTH: Final = 50
_PLAIN_TAGS: Final = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "", "!")


class YamlText:
    """One YAML document. ``value``: dicts, lists, str, int, float, bool and None; ``findings``: what is wrong with the text.

    Where the text does not parse, ``value`` is None and ``parsed`` False.
    """

    def __init__(self, text: str) -> None:
        self.findings: list[Finding] = []
        self.parsed = False
        self.value: Any = None
        self._node: Node | None = None
        try:
            self._node = self._compose(text)
            self.parsed = self._node is not None or not self.findings
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)
            self.findings.append(_refused(error, place))
        except (YAMLError, UnicodeError) as error:
            self.findings.append(Finding(Code.YAML_SYNTAX, _odd_character(error, text), place=_odd_place(text)))
        if self._node is not None:
            self.value = self._value(self._node)

    def _compose(self, text: str) -> Node | None:
        # Composing follows aliases and recurses in C, so what it may not meet is looked for first, event by event.
        if self._survey(text):
            return None
        node = CBaseLoader(text).get_single_node()
        return node if isinstance(node, Node) else None

    def _survey(self, text: str) -> bool:
        """Report each anchor and alias; whether the text is nested too deeply to be composed, which is reported too."""
        loader = CBaseLoader(text)
        depth = 0
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, CollectionStartEvent):
                depth += 1
                if depth > _MAX_DEPTH:
                    self.findings.append(Finding(Code.YAML_SYNTAX, "is nested too deeply", place=_start(event)))
                    return True
            elif isinstance(event, CollectionEndEvent):
                depth -= 1
            anchor = getattr(event, "anchor", None)
            if anchor is not None:
                what = "alias *" if isinstance(event, AliasEvent) else "anchor &"
                self.findings.append(Finding(Code.YAML_FEATURE, f"has the {what}{anchor}", place=_start(event)))
        return False

    def _value(self, node: Node) -> Any:
        if node.tag is not None and str(node.tag) not in _PLAIN_TAGS:
            self.findings.append(Finding(Code.YAML_FEATURE, f"has the tag {node.tag}", place=_start(node)))
        if isinstance(node, MappingNode):
            return self._mapping(node)
        if isinstance(node, SequenceNode):
            return [self._value(item) for item in node.value]
        return _scalar(node)

    def _mapping(self, node: MappingNode) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.findings.append(Finding(Code.YAML_FEATURE, "has a key that is no text", place=_start(key_node)))
                continue
            key = key_node.value
            if key == "<<":
                self.findings.append(Finding(Code.YAML_FEATURE, "has the merge key <<", place=_start(key_node)))
                continue
            if key in out:
                first = next(k for k, _ in node.value if k.value == key)
                message = f"has the key {key!r} twice; it stands in line {first.start_mark.line + 1} too"
                self.findings.append(Finding(Code.DUPLICATE_KEY, message, place=_start(key_node)))
                continue
            out[key] = self._value(value_node)
        return out

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where ``path`` stands, from 1: its value, or (``key``) its key. Where a part of the path is not there, the
        place of the nearest part that is."""
        node = self._node
        if node is None:
            return Place(1, 1)
        found = _start(node)
        for depth, step in enumerate(path):
            last = depth == len(path) - 1
            match _child(node, step):
                case None:
                    break
                case (key_node, node):
                    # An empty value has no place of its own worth showing: the key has.
                    empty = isinstance(node, ScalarNode) and not node.value and not node.style
                    found = _start(key_node) if key_node is not None and ((key and last) or empty) else _start(node)
        return found

    def keys(self, path: Path) -> Iterator[str]:
        """The keys of the mapping at ``path``."""
        value = self.value
        for step in path:
            value = value[step]
        yield from value if isinstance(value, dict) else ()


def _child(node: Node, step: str | int) -> tuple[Node | None, Node] | None:
    if isinstance(node, MappingNode):
        for key_node, value_node in node.value:
            if key_node.value == step:
                return key_node, value_node
    elif isinstance(node, SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return None, node.value[step]
    return None


def _scalar(node: Any) -> Any:
    text = node.value
    if node.style:  # quoted, or a block
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text) and len(text) < 20:
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    return text


def _start(node: Any) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _refused(error: MarkedYAMLError, place: Place) -> Finding:
    problem = " ".join(str(error.problem or error.context or "is not YAML").split())
    if "another document" in problem:
        return Finding(Code.YAML_FEATURE, "holds more than one document", "give each its own file", place=place)
    hint = ""
    if "mapping values are not allowed" in problem:
        hint = "a text with ': ' in it needs quotes; otherwise look at the indentation"
    elif "cannot start any token" in problem:
        hint = "indent by spaces, and put a text that begins with @, ` or % in quotes"
    if error.context and error.context_mark is not None and error.context_mark.line + 1 != place.line:
        problem += f" ({error.context} from line {error.context_mark.line + 1})"
    return Finding(Code.YAML_SYNTAX, f"is not YAML: {problem}", hint, place=place)


_ODD: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _odd_place(text: str) -> Place:
    match = _ODD.search(text)
    if match is None:
        return Place(1, 1)
    before = text[: match.start()]
    return Place(before.count("\n") + 1, match.start() - (before.rfind("\n") + 1) + 1)


def _odd_character(error: Exception, text: str) -> str:
    match = _ODD.search(text)
    return f"has the character U+{ord(match[0]):04X}, which YAML does not allow" if match else f"is not YAML: {error}"
