"""One side of a change of a JSON Schema, with what is made of it when it is asked for, and the trial of events between two.

In the tolerant reading the writer's schema is its closed form (`headrace.model.json_closed`), the reader's is its open form:
without ``additionalProperties: false``. A composed schema, closed, has the event types that it names and no others: the SDK
publishes nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Any, Final

import jsonschema
from jsonschema.validators import validator_for

from headrace.catalogue.compatibility.json_evaluate import formatted
from headrace.catalogue.compatibility.json_events import events_of
from headrace.catalogue.compatibility.json_gaps import MATCHING, Change
from headrace.catalogue.compatibility.json_maker import Maker
from headrace.catalogue.compatibility.json_nodes import JsonSchema, canonical, made
from headrace.catalogue.compatibility.json_state import State
from headrace.catalogue.compatibility.json_witness import TRIES, documents
from headrace.catalogue.compatibility.verdict import Reading
from headrace.model.json_references import DRAFT7, Document, Pointer
from headrace.model.json_schema import FORMATS, Validator, closed, compile_schema


class Side:
    """A schema with what is made of it when it is asked for. Raises ValueError where it does not parse."""

    def __init__(self, schema: Any) -> None:
        self.raw = schema
        self.validator: Validator = compile_schema(schema)
        self.parsed = JsonSchema(schema)
        self.events = events_of(schema)
        """Of a composed schema, each event type with its event's name."""

    @cached_property
    def closed(self) -> Mapping[str, Any]:
        form = closed(self.raw)
        if self.events is None:
            return form
        types = {"properties": {"type": {"enum": sorted(self.events)}}}
        return {**form, "allOf": [*form["allOf"], types]}

    @cached_property
    def opened(self) -> Any:
        return opened(self.raw)

    @cached_property
    def closed_validator(self) -> Validator:
        return compile_schema(self.closed)

    @cached_property
    def opened_validator(self) -> Validator:
        return compile_schema(self.opened)

    @cached_property
    def second(self) -> Callable[[Any], bool]:
        return second_opinion(self.raw)

    @cached_property
    def closed_second(self) -> Callable[[Any], bool]:
        return second_opinion(self.closed)

    @cached_property
    def opened_second(self) -> Callable[[Any], bool]:
        return second_opinion(self.opened)

    def left(self, reading: Reading) -> State:
        """The question's left side: what is written."""
        if reading is Reading.SEMANTIC or self.events is None:
            return State((self.parsed.root,))
        return State((self.parsed.root, self._types))

    @cached_property
    def _types(self) -> Any:
        assert self.events is not None
        return made(properties={"type": made(enum=tuple(sorted(self.events)))})


def opened(schema: Any) -> Any:
    """The schema as a reader sees it that ignores fields which it does not know."""
    return _open(Document(schema), (), schema)


def _open(document: Document, pointer: Pointer, value: Any) -> Any:
    if isinstance(value, Mapping):
        out = {key: _open(document, (*pointer, key), item) for key, item in value.items()}
        if pointer in document.schemas:
            for keyword in ("additionalProperties", "unevaluatedProperties"):
                if out.get(keyword) is False:
                    del out[keyword]
            out.pop("maxProperties", None)
        return out
    if isinstance(value, list):
        return [_open(document, (*pointer, str(i)), item) for i, item in enumerate(value)]
    return value


_CHECKER: Final = jsonschema.FormatChecker(formats=())
for _format in sorted(FORMATS):
    # The one policy of formats: what the second validator asserts is what the first one asserts.
    _CHECKER.checks(_format)(lambda value, name=_format: not isinstance(value, str) or formatted(name, value))


def second_opinion(schema: Any) -> Callable[[Any], bool]:
    """Validity by jsonschema, the other validator."""
    stated = {"$schema": DRAFT7, **schema} if isinstance(schema, Mapping) else schema
    made_of_it = validator_for(stated)(stated, format_checker=_CHECKER)
    return lambda value: bool(made_of_it.is_valid(value))


class Trial:
    """Tries events against both sides in one reading, by both validators (``confirm=False``: by the first alone)."""

    def __init__(self, writer: Side, reader: Side, reading: Reading, *, confirm: bool = True) -> None:
        self._writer, self._reader = writer, reader
        self._confirm = confirm
        self._tolerant = reading is Reading.TOLERANT

    def show(self, change: Change, budget: int, known: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        """An event that shows the change, in a tuple; empty: none was found. ``known``: one that shows it in the tolerant
        reading, which mostly does in the other one too."""
        seen: set[str] = set()
        for document in self._candidates(change, budget, known):
            text = canonical(document)
            if text not in seen:
                seen.add(text)
                if self._breaks(document) and self._confirmed(document):
                    return (document,)
        return ()

    @staticmethod
    def _candidates(change: Change, budget: int, known: tuple[Any, ...]) -> Iterator[Any]:
        yield from known
        if not any(isinstance(step, str) and step.startswith(MATCHING) for step in change.gap.path):
            yield from islice(documents(change.gap, Maker(budget)), TRIES * 4)
        if change.whole is not change.gap:
            yield from islice(documents(change.whole, Maker(budget)), TRIES * 4)

    def _breaks(self, document: Any) -> bool:
        writer = self._writer.closed_validator if self._tolerant else self._writer.validator
        reader = self._reader.opened_validator if self._tolerant else self._reader.validator
        return writer.is_valid(document) and not reader.is_valid(document)

    def _confirmed(self, document: Any) -> bool:
        if not self._confirm:
            return True
        valid = self._writer.closed_second if self._tolerant else self._writer.second
        read = self._reader.opened_second if self._tolerant else self._reader.second
        return valid(document) and not read(document)
