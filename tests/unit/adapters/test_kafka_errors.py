"""Kafka's error codes become Headrace's errors."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from headrace.adapters.kafka_errors import _BY_CLASS, CLASS_OF, broker_error, translate, translated
from headrace.errors import BrokerError, BrokerUnavailable, BufferFull, Closed, HeadraceError, PayloadTooLarge

CODES = sorted({getattr(KafkaError, name) for name in dir(KafkaError) if name.lstrip("_").isupper()})


def test_no_code_stands_in_two_classes() -> None:
    """The table is a function: each code is listed once."""
    listed = [code for codes in _BY_CLASS.values() for code in codes]
    assert len(listed) == len(set(listed)) == len(CLASS_OF)


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_the_client_is_translated(code: int) -> None:
    """Whatever code the client knows, the result is one of Headrace's errors, names the code and keeps its cause."""
    error = KafkaError(code)
    found = translate(error, "doing this", topic="t")
    assert isinstance(found, CLASS_OF.get(code, BrokerError))
    assert found.message.startswith("doing this: ")
    assert found.kafka_error == error.name()
    assert found.topic == "t"
    assert isinstance(found.__cause__, KafkaException)


@given(st.integers(-400, 400))
def test_a_code_that_nobody_knows_is_a_broker_error(code: int) -> None:
    """A code of a later Kafka is a plain BrokerError, or retryable where the client says that it is."""
    found = translate(KafkaError(code), "doing this")
    assert isinstance(found, HeadraceError)
    if code not in CLASS_OF:
        assert type(found) in (BrokerError, BrokerUnavailable)


def test_only_a_broker_error_is_answered_where_only_that_may_be() -> None:
    """`broker_error` turns an error of an event into one of the broker, with the same text."""
    code = KafkaError.MSG_SIZE_TOO_LARGE
    assert isinstance(translate(KafkaError(code), "x"), PayloadTooLarge)
    found = broker_error(KafkaError(code), "x")
    assert type(found) is BrokerError
    assert found.message == translate(KafkaError(code), "x").message


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (KafkaException(KafkaError(KafkaError._TRANSPORT)), BrokerUnavailable),
        (KafkaException("a bare text"), BrokerError),
        (RuntimeError("Consumer closed"), Closed),
        (RuntimeError("Producer has been closed"), Closed),
        (BufferError("Local: Queue full"), BufferFull),
    ],
)
def test_what_the_client_raises_in_a_block_is_translated(raised: Exception, expected: type[BrokerError]) -> None:
    """`translated` raises Headrace's error for each exception that the client uses, with it as the cause."""
    with pytest.raises(expected) as caught, translated("doing this"):
        raise raised
    assert caught.value.__cause__ is raised


@pytest.mark.parametrize(
    "raised", [RuntimeError("the shop is closed"), ValueError("x"), Closed("the writer is closed")]
)
def test_what_is_not_the_client_s_passes(raised: Exception) -> None:
    """An exception of a listener, which runs inside the client's calls, is left as it is."""
    with pytest.raises(type(raised)) as caught, translated("doing this"):
        raise raised
    assert caught.value is raised
