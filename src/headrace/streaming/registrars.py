"""``@app.consumer`` and its types: what a handler is handed follows from the registration, so that a type checker refuses a
handler of another event, a batch handler without a batch, and a handler that returns something (nobody would look at it)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Literal, Protocol, TypeVar, overload

from headrace.streaming.event import Event
from headrace.streaming.models import Model
from headrace.streaming.outcome import Backoff, Batch, RejectLimit

M = TypeVar("M", bound=Model)
M2 = TypeVar("M2", bound=Model)
M3 = TypeVar("M3", bound=Model)
R = TypeVar("R")
E = TypeVar("E")
O = TypeVar("O", None, Coroutine[Any, Any, None])  # noqa: E741 - an outcome; not read alone

Manager = AbstractContextManager[R] | AbstractAsyncContextManager[R]
Per = Literal["process", "lane"]
Untyped = dict[str, Any]


_BACKOFF = Backoff()
_LIMIT = RejectLimit()


class Taking(Protocol[E]):
    """Decorates a handler of what it is handed, and returns it unchanged."""

    def __call__(self, handler: Callable[[E], O], /) -> Callable[[E], O]: ...


class TakingWith(Protocol[E, R]):
    """Decorates a handler that is also given a resource."""

    def __call__(self, handler: Callable[[E, R], O], /) -> Callable[[E, R], O]: ...


class ConsumerDecorators(ABC):
    """The registering side of an app."""

    @abstractmethod
    def _register(self, product: str, handler: Callable[..., Any], **options: Any) -> None: ...

    # Several models are a tuple in the types: mypy joins the classes of a list to their common base.

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: tuple[type[M], type[M2]],
        batch: None = None,
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> Taking[Event[M | M2]]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: tuple[type[M], type[M2]],
        batch: Batch,
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> Taking[list[Event[M | M2]]]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: tuple[type[M], type[M2], type[M3]],
        batch: None = None,
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> Taking[Event[M | M2 | M3]]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: tuple[type[M], type[M2], type[M3]],
        batch: Batch,
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> Taking[list[Event[M | M2 | M3]]]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: type[M] | Sequence[type[M]],
        batch: None = None,
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> Taking[Event[M]]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: type[M] | Sequence[type[M]],
        batch: Batch,
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> Taking[list[Event[M]]]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: str | Sequence[str] | None = None,
        batch: None = None,
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> Taking[Event[Untyped]]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: str | Sequence[str] | None = None,
        batch: Batch,
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> Taking[list[Event[Untyped]]]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: tuple[type[M], type[M2]],
        batch: None = None,
        resources: Callable[[], Manager[R]],
        resources_per: Per = "process",
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> TakingWith[Event[M | M2], R]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: tuple[type[M], type[M2]],
        batch: Batch,
        resources: Callable[[], Manager[R]],
        resources_per: Per = "process",
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> TakingWith[list[Event[M | M2]], R]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: tuple[type[M], type[M2], type[M3]],
        batch: None = None,
        resources: Callable[[], Manager[R]],
        resources_per: Per = "process",
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> TakingWith[Event[M | M2 | M3], R]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: tuple[type[M], type[M2], type[M3]],
        batch: Batch,
        resources: Callable[[], Manager[R]],
        resources_per: Per = "process",
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> TakingWith[list[Event[M | M2 | M3]], R]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: type[M] | Sequence[type[M]],
        batch: None = None,
        resources: Callable[[], Manager[R]],
        resources_per: Per = "process",
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> TakingWith[Event[M], R]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: type[M] | Sequence[type[M]],
        batch: Batch,
        resources: Callable[[], Manager[R]],
        resources_per: Per = "process",
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> TakingWith[list[Event[M]], R]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: str | Sequence[str] | None = None,
        batch: None = None,
        resources: Callable[[], Manager[R]],
        resources_per: Per = "process",
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> TakingWith[Event[Untyped], R]: ...

    @overload
    def consumer(
        self,
        product: str,
        *,
        events: str | Sequence[str] | None = None,
        batch: Batch,
        resources: Callable[[], Manager[R]],
        resources_per: Per = "process",
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = ...,
        reject_limit: RejectLimit = ...,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> TakingWith[list[Event[Untyped]], R]: ...

    def consumer(
        self,
        product: str,
        *,
        events: str | type[Model] | Sequence[str] | Sequence[type[Model]] | None = None,
        batch: Batch | None = None,
        resources: Callable[[], Manager[Any]] | None = None,
        resources_per: Per = "process",
        purpose: str | None = None,
        major: int | None = None,
        retry: Backoff = _BACKOFF,
        reject_limit: RejectLimit = _LIMIT,
        deduplicate: bool | int = False,
        transactional: bool = False,
        caught_up: Callable[[str], None] | None = None,
    ) -> Callable[[Any], Any]:
        """Register the decorated function, synchronous or ``async``, as the handler of a product's events.

        ``events``: names, or typed models (the handler is then given ``Event[Model]``); left out: every declared event. A
        declared event that is not named is passed over and counted. ``purpose``: names the consumer group
        ``{application}.{purpose}``; left out: the function's name. ``batch``: hand out lists of one tenant's events.
        ``resources``: makes a context manager whose value is the handler's second argument, opened once per process, or per
        lane with ``resources_per="lane"``. ``retry``: waits and attempts after an unexpected error. ``reject_limit``: when
        a lane stops. ``deduplicate``: pass over events whose (source, id) is among the last ones settled (True: 10,000).
        ``caught_up``: called with the tenant, once, when all that its topic held at the start has an outcome (the snapshot
        of a state product); it must be short. ``transactional``: what the handler publishes and the offsets become visible
        together or not at all, so that who reads the output (committed) finds each input's once.

        The handler accepts by returning; it raises `Reject` or `Retry`, or marks one event of a batch with `Event.reject`.
        Raises `HandlerMisdeclared`, and a `DeclarationError` where the catalogue does not allow it (at the latest when
        the app connects).
        """

        def decorate(handler: Callable[..., Any]) -> Callable[..., Any]:
            self._register(
                product,
                handler,
                events=events,
                purpose=purpose,
                major=major,
                batch=batch,
                retry=retry,
                reject_limit=reject_limit,
                deduplicate=deduplicate,
                transactional=transactional,
                resources=resources,
                resources_per=resources_per,
                caught_up=caught_up,
            )
            return handler

        return decorate
