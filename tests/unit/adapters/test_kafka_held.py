"""What a Kafka reader knows of its topics."""

from __future__ import annotations

import re
import struct
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from headrace.adapters.kafka_held import LOOK_S, Held, TopicIds, generation_of, patterns_of
from headrace.clock import ManualClock
from headrace.errors import BrokerError, TopicMissing, TopicReplaced

TOPICS = st.text("abz_-.0", min_size=1, max_size=12).filter(lambda name: not name.startswith("__"))


@given(st.integers(-1, 2**31 - 1), st.binary(max_size=30))
def test_the_generation_is_read_from_the_group_s_metadata(generation: int, rest: bytes) -> None:
    """The generation is the integer after the magic, whatever the names that follow hold."""
    assert generation_of(b"CGMDv2:" + struct.pack("=i", generation) + rest) == generation


@pytest.mark.parametrize("metadata", [b"", b"CGMDv2:\x01", b"CGMDv3:\x01\x00\x00\x00g\x00"])
def test_another_form_of_the_metadata_is_an_error(metadata: bytes) -> None:
    """Metadata that is not understood is an error, not some number."""
    with pytest.raises(BrokerError):
        generation_of(metadata)


@given(st.one_of(st.just(""), st.just("_"), TOPICS), TOPICS)
def test_a_pattern_matches_exactly_the_names_with_the_prefix(prefix: str, name: str) -> None:
    """Searching, as librdkafka does, and matching the whole, as the broker does, find the names that begin with it."""
    searched = any(re.search(pattern, name) for pattern in patterns_of(prefix))
    whole = any(re.fullmatch(pattern, name) for pattern in patterns_of(prefix))
    # A subscription to everything passes over names of one underscore and nothing more, which nobody gives.
    assert searched == whole == (name.startswith(prefix) and not (name == "_" and prefix in ("", "_")))


@given(st.one_of(st.just(""), st.just("_")))
def test_the_broker_s_own_topics_match_no_pattern(prefix: str) -> None:
    """A subscription to everything leaves out the names that begin with two underscores."""
    assert not any(re.search(pattern, "__consumer_offsets") for pattern in patterns_of(prefix))


class _Admin:
    """Answers for topics that are there, by id."""

    def __init__(self, ids: dict[str, str]) -> None:
        self.ids = ids
        self.asked: list[dict[str, Future[Any]]] = []

    def ask_topics(self, names: Any) -> dict[str, Future[Any]]:
        self.asked.append({name: Future() for name in names})
        return self.asked[-1]

    def answer(self) -> None:
        for name, future in self.asked[-1].items():
            if name in self.ids:
                future.set_result(SimpleNamespace(topic_id=self.ids[name]))
            else:
                future.set_exception(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))


def test_topics_are_looked_at_from_time_to_time_and_never_waited_for() -> None:
    """A look asks when its time has come, and tells of replaced and missing topics once the answers are there."""
    clock = ManualClock()
    admin = _Admin({"a": "1", "b": "2", "c": "3"})
    ids = TopicIds(admin, clock)  # type: ignore[arg-type]
    held = {name: Held(0, 0) for name in "abc"}
    for name in held:
        assert ids.compare(name, admin.ids[name]) is None
    assert ids.look(held) == {}
    assert admin.asked == []
    clock.advance(LOOK_S)
    admin.ids = {"a": "1", "b": "22"}
    assert ids.look(held) == {}
    assert ids.look(held) == {}  # not answered yet
    admin.answer()
    found = ids.look(held)
    assert {name: type(error) for name, error in found.items()} == {"b": TopicReplaced, "c": TopicMissing}
    assert (found["b"].committed, found["b"].actual) == ("2", "22")
    clock.advance(LOOK_S)
    ids.look({"b": held["b"]})
    admin.answer()
    assert ids.look({"b": held["b"]}) == {}  # told once
