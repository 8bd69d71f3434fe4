from __future__ import annotations

from typing import Any, ClassVar

import pytest

import headrace
from headrace.errors import HandlerMisdeclared
from headrace.streaming.handler import Registration, register
from headrace.streaming.models import Model
from headrace.streaming.outcome import Backoff, Batch, RejectLimit


class Sale(Model, frozen=True, kw_only=True):
    __product__: ClassVar[str] = "sales-events"
    __event__: ClassVar[str] = "SaleRecorded"
    quantity: int


class Other(Model, frozen=True, kw_only=True):
    __product__: ClassVar[str] = "promotions"
    __event__: ClassVar[str] = "PromotionSet"


def make(handler: Any, **options: Any) -> Registration:
    given = {
        "events": None,
        "purpose": None,
        "major": None,
        "batch": None,
        "retry": Backoff(),
        "reject_limit": RejectLimit(),
        "deduplicate": False,
        "resources": None,
        "resources_per": "process",
    }
    return register("sales-events", handler, **(given | options))


def test_the_purpose_is_the_function_s_name_unless_it_is_given() -> None:
    """`_` becomes `-`, so that the name is one of a consumer group."""

    def on_sale(event: headrace.Event) -> None: ...

    assert make(on_sale).purpose == "on-sale"
    assert make(on_sale, purpose="forecast").purpose == "forecast"


def test_a_model_names_its_event() -> None:
    """A model among the events brings its event's name and major."""

    def on_sale(event: headrace.Event[Sale]) -> None: ...

    made = make(on_sale, events=[Sale, "SaleCorrected"])
    assert made.events == ("SaleRecorded", "SaleCorrected")
    assert made.models == {"SaleRecorded": Sale}
    assert made.major == 1
    assert make(on_sale, events=Sale).events == ("SaleRecorded",)


def test_async_handlers_are_recognised() -> None:
    """Coroutine functions and objects with an asynchronous call are both asynchronous handlers."""

    async def on_sale(event: headrace.Event) -> None: ...

    class Handler:
        async def __call__(self, event: headrace.Event) -> None: ...

    assert make(on_sale).is_async
    assert make(Handler(), purpose="x").is_async
    assert not make(lambda event: None, purpose="x").is_async


def one(event: headrace.Event) -> None: ...


def many(events: list[headrace.Event]) -> None: ...


def none() -> None: ...


def two(event: headrace.Event, connection: object) -> None: ...


def generator(event: headrace.Event) -> Any:
    yield event


@pytest.mark.parametrize(
    ("handler", "options", "said"),
    [
        (many, {}, "no batch"),
        (one, {"batch": Batch(10)}, "gets a batch"),
        (none, {}, "must take an event"),
        (two, {}, "must take an event"),
        (one, {"resources": lambda: None}, "and the resource"),
        (generator, {}, "is a generator"),
        (one, {"purpose": "Not A Name"}, "may hold only"),
        (lambda event: None, {}, "may hold only"),
        (one, {"events": []}, "events is empty"),
        (one, {"events": [Other]}, "is a model of promotions"),
        (one, {"events": [Sale], "major": 2}, "is of major 1, not 2"),
        (one, {"events": [dict]}, "is no model"),
        (two, {"resources": lambda: None, "resources_per": "thread"}, "`process` or `lane`"),
    ],
)
def test_a_handler_that_does_not_fit_its_registration_is_refused(handler: Any, options: Any, said: str) -> None:
    """What cannot work raises where it is registered, and says what does not fit."""
    with pytest.raises(HandlerMisdeclared, match=said):
        make(handler, **options)


def test_a_handler_that_fits_is_taken() -> None:
    """A batch handler with a batch, and one with a resource, are accepted."""
    assert make(many, batch=Batch(10)).batch == Batch(10)
    assert make(two, resources=lambda: None, resources_per="lane").resources is not None
