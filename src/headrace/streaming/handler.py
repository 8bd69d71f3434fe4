"""A registered handler: what it takes, how it is called, and what its declaration must not contradict."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.errors import HandlerMisdeclared
from headrace.model import names
from headrace.streaming.models import Model
from headrace.streaming.outcome import Backoff, Batch, RejectLimit


@dataclass(frozen=True, slots=True)
class Resources:
    """What a handler is given as its second argument. ``open`` makes a context manager (an
    asynchronous one too, for an asynchronous handler); ``per`` is ``process`` (one for
    all lanes, which then share it between threads) or ``lane`` (one for each tenant, used by one call at a time)."""

    open: Callable[[], Any]
    per: str = "process"


@dataclass(frozen=True, slots=True)
class Registration:
    """One consumer: a handler and how it wants to be fed. ``events``: the names it takes, None for all that are declared.
    ``models``: by event name, the class that its data becomes. ``deduplicate``: how many (source, id) a lane remembers.
    ``transactional``: what the handler publishes is held until its outcome, and written with the offset in one transaction."""

    product: str
    major: int | None
    purpose: str
    handler: Callable[..., Any]
    events: tuple[str, ...] | None = None
    models: dict[str, type[Model]] = field(default_factory=dict)
    batch: Batch | None = None
    retry: Backoff = field(default_factory=Backoff)
    reject_limit: RejectLimit = field(default_factory=RejectLimit)
    deduplicate: int = 0
    resources: Resources | None = None
    caught_up: Callable[[str], None] | None = None
    transactional: bool = False

    @property
    def is_async(self) -> bool:
        return is_async(self.handler)

    def takes(self, event: str) -> bool:
        return self.events is None or event in self.events


def is_async(handler: Callable[..., Any]) -> bool:
    """A coroutine function, or an object whose ``__call__`` is one."""
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004


def register(
    product: str,
    handler: Callable[..., Any],
    *,
    events: str | type[Model] | Sequence[str | type[Model]] | None,
    purpose: str | None,
    major: int | None,
    batch: Batch | None,
    retry: Backoff,
    reject_limit: RejectLimit,
    deduplicate: bool | int,
    resources: Callable[[], Any] | None,
    resources_per: str,
    caught_up: Callable[[str], None] | None = None,
    transactional: bool = False,
) -> Registration:
    """Check a consumer's declaration in code against itself. Raises `HandlerMisdeclared`; what needs the catalogue is
    checked when the application connects."""
    name = getattr(handler, "__name__", type(handler).__name__)
    where = f"handler {name} of {product}"
    if purpose is None:
        purpose = name.strip("_").lower().replace("_", "-")
    problem = names.identifier_problem(purpose)
    if problem:
        raise HandlerMisdeclared(f"{where}: the purpose {purpose!r} {problem}", hint="pass purpose=...", handler=name)
    listed: list[str] | None = None
    models: dict[str, type[Model]] = {}
    if events is not None:
        given: Sequence[str | type[Model]] = [events] if isinstance(events, str | type) else events
        if not given:
            raise HandlerMisdeclared(f"{where}: events is empty", hint="leave it out to take all", handler=name)
        listed = []
        for event in given:
            if isinstance(event, str):
                listed.append(event)
                continue
            major = _model(event, product, major, where, name)
            listed.append(event.__event__)
            models[event.__event__] = event
    _check_signature(handler, where, name, batch is not None, resources is not None)
    if resources_per not in ("process", "lane"):
        raise HandlerMisdeclared(f"{where}: resources_per is `process` or `lane`", handler=name)
    return Registration(
        product=product,
        major=major,
        purpose=purpose,
        handler=handler,
        events=None if listed is None else tuple(listed),
        models=models,
        batch=batch,
        retry=retry,
        reject_limit=reject_limit,
        deduplicate=10_000 if deduplicate is True else int(deduplicate),
        resources=None if resources is None else Resources(resources, resources_per),
        caught_up=caught_up,
        transactional=transactional,
    )


def _model(model: type[Any], product: str, major: int | None, where: str, name: str) -> int:
    if not (issubclass(model, Model) and model.__event__):
        raise HandlerMisdeclared(
            f"{where}: {model.__name__} is no model of an event",
            hint="`headrace models` writes models; or give the event's name",
            handler=name,
        )
    if model.__product__ != product:
        raise HandlerMisdeclared(
            f"{where}: {model.__name__} is a model of {model.__product__}, not of {product}", handler=name
        )
    if major is not None and model.__major__ != major:
        raise HandlerMisdeclared(
            f"{where}: {model.__name__} is of major {model.__major__}, not {major}",
            hint="a consumer reads one major; register one for each",
            handler=name,
        )
    return model.__major__


def _check_signature(handler: Callable[..., Any], where: str, name: str, batch: bool, resources: bool) -> None:
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise HandlerMisdeclared(
            f"{where} is a generator", hint="return to accept, raise Reject or Retry; do not yield", handler=name
        )
    wanted = 2 if resources else 1
    try:
        signature = inspect.signature(handler)
    except (TypeError, ValueError) as error:
        raise HandlerMisdeclared(f"{where} cannot be called with an event: {error}", handler=name) from error
    try:
        signature.bind(*[None] * wanted)
    except TypeError as error:
        takes = "an event" if not batch else "a list of events"
        also = " and the resource" if resources else ""
        raise HandlerMisdeclared(f"{where} must take {takes}{also}: {error}", handler=name) from error
    parameter = next(iter(signature.parameters.values()))
    is_list = _annotated_as_list(parameter.annotation)
    if is_list is not None and is_list != batch:
        said, hint = (
            ("a list of events, and there is no batch", "pass batch=headrace.Batch(500, '2s')")
            if is_list
            else ("one event, and it gets a batch", "annotate it as list[Event]")
        )
        raise HandlerMisdeclared(f"{where} takes {said}", hint=hint, handler=name)


def _annotated_as_list(annotation: Any) -> bool | None:
    """Whether an annotation, text or object, is a list of events (True) or an event (False); None: it does not say."""
    if annotation is inspect.Parameter.empty:
        return None
    text = annotation if isinstance(annotation, str) else repr(annotation)
    bare = text.removeprefix("<class '").replace("typing.", "").replace("collections.abc.", "")
    if bare.startswith(("list", "List", "Sequence")):
        return True
    head = bare.split("[")[0].rstrip("'>").split(".")[-1]
    return False if head == "Event" else None
