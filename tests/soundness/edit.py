"""What an edit is: a keyword, the kind of subschema that it is made at, and a function that gives before and after."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

D7 = "http://json-schema.org/draft-07/schema#"
D19 = "https://json-schema.org/draft/2019-09/schema"
D20 = "https://json-schema.org/draft/2020-12/schema"

ROOT = "x-at-the-root"
"""Under this name an edit's fragment carries what belongs to the top of the document (definitions)."""

Fragment = dict[str, Any]
Pairing = tuple[Fragment, Fragment]


@dataclass(frozen=True, slots=True)
class Edit:
    """``on``: ``string``, ``number``, ``array``, ``object``, ``value`` (any of the first two) or ``any``."""

    keyword: str
    on: str
    drafts: tuple[str, ...]
    make: Callable[[random.Random, Fragment], Pairing]


EDITS: list[Edit] = []

Made = Callable[[random.Random, Fragment], Pairing]


def edit(keyword: str, *, on: str, drafts: tuple[str, ...] = (D7, D19, D20)) -> Callable[[Made], Made]:
    """Register a function as the edit of ``keyword``."""

    def register(function: Made) -> Made:
        EDITS.append(Edit(keyword, on, drafts, function))
        return function

    return register


def varied(node: Fragment, without: tuple[str, ...], before: Fragment, after: Fragment) -> Pairing:
    """``node`` without some keywords, with each of the two fragments."""
    kept = {k: v for k, v in node.items() if k not in without and k not in before and k not in after}
    return {**kept, **before}, {**kept, **after}
