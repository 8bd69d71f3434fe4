"""What may not change between the base branch and a change that is to be merged into it.

What stands on the base branch has been applied, or may be at any moment: a schema version there is in registries and in logs.
So its file never changes, it is never taken out, and a new one gets a number above all that are there. Products that are not
provisioned yet (proposed, draft) are free.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from headrace.catalogue.checking import Checking, Declared, getattr_or_none
from headrace.catalogue.documents import StreamingDocument
from headrace.catalogue.reading import examine
from headrace.errors import Fault
from headrace.model.catalogue import Catalogue
from headrace.model.product import EventDeclaration, Producing, StreamingProduct
from headrace.model.schema import Compatibility


class BaseCode(Enum):
    """Faults that only a comparison with the base branch shows. As `headrace.catalogue.codes.Code`."""

    FILE_CHANGED = (
        "HR901",
        "the file of an applied schema version never changes",
        "restore it, and bring the change as a new version",
    )
    VERSION_REMOVED = (
        "HR902",
        "a schema version is never taken out of the list",
        "put it back: registries and logs have it",
    )
    EVENT_REMOVED = (
        "HR903",
        "an event type of a major is never removed or renamed",
        "put it back, with a deprecation; it goes with the next major",
    )
    NUMBER_TAKEN = (
        "HR904",
        "a new schema version has a number above the newest of the base branch",
        "give the file, and its entry in versions, a number above it",
    )

    def __init__(self, code: str, title: str, way_out: str) -> None:
        self.code = code
        self.title = title
        self.way_out = way_out


@dataclass(frozen=True, slots=True)
class BaseEvent:
    """``versions``: by number, the file's path and its content as text (None: it was no JSON there)."""

    type: str | None
    versions: Mapping[int, tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class BaseProduct:
    """A product as the base branch has it. ``mode``: as far as it states one itself."""

    key: str
    provisioned: bool
    events: Mapping[str, BaseEvent]
    producers: tuple[Producing, ...]
    mode: Compatibility | None

    @property
    def newest(self) -> int:
        """Its newest schema version; 0 where nothing of it can have been applied."""
        if not self.provisioned:
            return 0
        return max((n for event in self.events.values() for n in event.versions), default=0)


def read_base(directory: Path) -> dict[str, BaseProduct]:
    """The products of the repository at ``directory``, by key, as far as they can be read: a fault of the base branch is no
    reason not to look at the change that mends it."""
    checking = examine(directory)
    found = (_product(checking, declared) for declared in checking.streaming)
    return {product.key: product for product in found if product is not None}


def _product(checking: Checking, declared: Declared[StreamingDocument]) -> BaseProduct | None:
    document = declared.document
    id_, version = getattr_or_none(document, "id"), getattr_or_none(document, "version")
    if id_ is None or version is None:
        return None
    status = getattr_or_none(document, "status")
    events = {}
    for index, event in enumerate(getattr_or_none(document, "events") or ()):
        name = getattr_or_none(event, "name")
        if name is not None:
            schemas = checking.schemas.get((declared.name, index), ())
            versions = {
                s.number: (s.path, _text(s.document) if s.text is not None and s.text.parsed else None)
                for s in schemas
                if s.number is not None
            }
            events[name] = BaseEvent(getattr_or_none(event, "type"), versions)
    producers = tuple(
        Producing(p.application, tuple(p.events), p.schema_version, p.external)
        for p in getattr_or_none(document, "producers") or ()
        if all(
            getattr_or_none(p, field) is not None for field in ("application", "events", "schema_version", "external")
        )
    )
    return BaseProduct(
        key=f"{id_}.v{version.major}",
        provisioned=status is not None and status.provisioned,
        events=events,
        producers=producers,
        mode=getattr_or_none(document, "compatibility"),
    )


def faults_against(
    catalogue: Catalogue, fork: Mapping[str, BaseProduct], tip: Mapping[str, BaseProduct]
) -> tuple[Fault, ...]:
    """What ``catalogue`` may not do. ``fork``: the base branch where this one left it, ``tip``: as it is now."""
    found: list[Fault] = []
    for product in catalogue.products.values():
        base = fork.get(product.key)
        if base is not None and base.provisioned:
            found += _kept(product, base)
        now = tip.get(product.key)
        if now is not None:
            found += _numbered(product, base, now)
    return tuple(sorted(found))


def _kept(product: StreamingProduct, base: BaseProduct) -> Iterator[Fault]:
    for name, was in base.events.items():
        event = product.event(name)
        if event is None:
            yield _fault(BaseCode.EVENT_REMOVED, product.path, f"the event {name} is not declared any more")
            continue
        if was.type is not None and was.type != event.type:
            said = f"the event {name} was of the type {was.type}, and is {event.type} now"
            yield _fault(BaseCode.EVENT_REMOVED, product.path, said)
        now = {version.number: version for version in event.versions}
        for number, (path, text) in was.versions.items():
            if number not in now:
                said = f"version {number} of {name} ({path.rpartition('/')[2]}) is not listed any more"
                yield _fault(BaseCode.VERSION_REMOVED, product.path, said)
            elif text is not None and text != _text(now[number].document):
                said = f"version {number} of {name} differs from the one on the base branch"
                yield _fault(BaseCode.FILE_CHANGED, file_of(product, event, number), said)


def _numbered(product: StreamingProduct, fork: BaseProduct | None, tip: BaseProduct) -> Iterator[Fault]:
    for event in product.events:
        known = set() if fork is None or event.name not in fork.events else set(fork.events[event.name].versions)
        there = tip.events[event.name].versions if event.name in tip.events else {}
        for version in event.versions:
            if version.number in known or version.number > tip.newest:
                continue
            if version.number in there and there[version.number][1] == _text(version.document):
                continue  # it has been merged already
            said = f"version {version.number} of {event.name} is new, but the base branch is at version {tip.newest}"
            yield _fault(BaseCode.NUMBER_TAKEN, file_of(product, event, version.number), said)


def file_of(product: StreamingProduct, event: EventDeclaration, number: int) -> str:
    """The file of a data schema, relative to the repository."""
    path = next(v.path for v in event.versions if v.number == number)
    return path if path.startswith("products/") else f"{product.path.rpartition('/')[0]}/{path}"


def _fault(code: BaseCode, path: str, message: str) -> Fault:
    return Fault(path, 0, 0, code.code, message, code.way_out)


def _text(document: Any) -> str:
    # As it is composed: spaces do not matter, the order of keys does.
    return json.dumps(document, ensure_ascii=False)
