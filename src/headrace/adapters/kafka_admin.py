"""Kafka's admin API as `headrace.interfaces.broker.TopicAdmin`.

The client's calls answer with a future per name, so a call about many names is one request (or one per `CHUNK` of them)
and costs about as much as about one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from headrace.adapters.kafka_calls import (
    answer,
    answer_unless_gone,
    chunks,
    errors_of,
    from_coordinator,
    from_leaders,
    partition_at,
    request_timeout,
)
from headrace.adapters.kafka_committed import committed_offsets
from headrace.adapters.kafka_contact import Notices, make_contact
from headrace.adapters.kafka_errors import asked, broker_error, opening
from headrace.adapters.kafka_log import CLIENT_LOG, LOG
from headrace.adapters.kafka_settings import admin_settings
from headrace.errors import BrokerError, BrokerUnavailable, Closed, InvalidTopic, TopicNameCollision
from headrace.interfaces.broker import GroupDescription, OffsetAt, OffsetCommit, TopicDescription, TopicSpec
from headrace.model.names import collision_key

SETTLE_TIMEOUT_S = 10.0
"""How long a topic that was made or deleted may take to show in what the broker answers."""

SETTLE_TOPIC_S = 0.01
"""And each topic more: a broker opens a log for each before it answers for it."""

_STATES = {
    ConsumerGroupState.STABLE: "stable",
    ConsumerGroupState.EMPTY: "empty",
    ConsumerGroupState.PREPARING_REBALANCING: "rebalancing",
    ConsumerGroupState.COMPLETING_REBALANCING: "rebalancing",
    # The consumer protocol's two states on the way to stable have no name in this client.
    ConsumerGroupState.UNKNOWN: "rebalancing",
}

_EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]


class KafkaAdmin:
    """Topics, offsets and groups of one cluster. Safe for many threads."""

    def __init__(self, bootstrap: str, properties: Mapping[str, str]) -> None:
        self._bootstrap = bootstrap
        self._properties = dict(properties)
        self._timeout = request_timeout(properties)
        self._notices = Notices()
        self._contact = threading.Lock()
        self._in_contact = False
        settings = admin_settings(bootstrap, properties) | {"error_cb": self._notices}
        with opening("an admin client"):
            self._opened: AdminClient | None = AdminClient(settings, logger=CLIENT_LOG)

    @property
    def _client(self) -> AdminClient:
        client = self._opened
        if client is None:
            raise Closed("the admin client is closed")
        if not self._in_contact:
            with self._contact:
                if not self._in_contact:
                    make_contact(client, self._notices, self._bootstrap, self._timeout)
                    self._in_contact = True
        return client

    def cluster_id(self) -> str:
        described = answer(self._client.describe_cluster(request_timeout=self._timeout), "reading the cluster's id")
        return str(described.cluster_id)

    def nodes(self) -> Sequence[str]:
        described = answer(self._client.describe_cluster(request_timeout=self._timeout), "reading the cluster's nodes")
        return [f"{node.host}:{node.port}" for node in sorted(described.nodes, key=lambda node: int(node.id))]

    # --- topics

    def topics(self, prefix: str = "") -> Mapping[str, TopicDescription]:
        found = sorted(name for name in self._names() if name.startswith(prefix))
        described: dict[str, TopicDescription] = {}
        for chunk in chunks(found):
            wanted = {}
            for name, future in self.ask_topics(chunk).items():
                topic = answer_unless_gone(future, f"describing {name}")
                if topic is not None and not topic.is_internal:
                    wanted[name] = topic
            configs = self._configs(list(wanted))
            for name, topic in wanted.items():
                if name in configs:  # else it has gone in between
                    described[name] = TopicDescription(
                        name,
                        str(topic.topic_id),
                        configs[name],
                        partitions=len(topic.partitions),
                        replication=len(topic.partitions[0].replicas),
                    )
        return described

    def ask_topics(self, names: Iterable[str]) -> dict[str, Future[Any]]:
        """Ask for the descriptions (confluent-kafka's) of topics, without waiting for them."""
        answers: dict[str, Future[Any]] = {}
        for chunk in chunks(names):
            with asked("describing topics"):
                answers |= self._client.describe_topics(TopicCollection(chunk), request_timeout=self._timeout)
        return answers

    def topic_ids(self, names: Iterable[str]) -> dict[str, str]:
        """The ids of those topics that are there."""
        described = {
            name: answer_unless_gone(future, f"describing {name}") for name, future in self.ask_topics(names).items()
        }
        return {name: str(topic.topic_id) for name, topic in described.items() if topic is not None}

    def names(self, prefix: str = "") -> set[str]:
        """The names of the topics that begin with ``prefix``: one request."""
        return {name for name in self._names() if name.startswith(prefix)}

    def _names(self) -> set[str]:
        with asked("listing topics"):
            listed = self._client.list_topics(timeout=self._timeout).topics
        self._client.poll(0)  # serves the client's log and notices
        return {name for name in listed if not name.startswith("__")}

    def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        answers = self._client.describe_configs(resources, request_timeout=self._timeout)
        configs: dict[str, dict[str, str]] = {}
        for resource, future in answers.items():
            entries = answer_unless_gone(future, f"reading the settings of {resource.name}")
            if entries is not None:
                configs[resource.name] = {
                    entry.name: entry.value
                    for entry in sorted(entries.values(), key=lambda e: str(e.name))
                    if entry.source == ConfigSource.DYNAMIC_TOPIC_CONFIG.value and entry.value is not None
                }
        return configs

    def create_topics(self, specs: Sequence[TopicSpec]) -> Mapping[str, BrokerError | None]:
        # Two names of one request that collide are both made by Kafka, which looks at what is there before it.
        answers: dict[str, BrokerError | None] = dict(_collisions_among(specs))
        for chunk in chunks(spec for spec in specs if spec.name not in answers):
            topics = [
                NewTopic(spec.name, num_partitions=1, replication_factor=spec.replication, config=dict(spec.configs))
                for spec in chunk
            ]
            with asked("making topics"):
                futures = self._client.create_topics(topics, request_timeout=self._timeout)
            answers |= errors_of(futures, "making")
        made = {name for name, error in answers.items() if error is None}
        self._settle(len(made), lambda: made <= self._names() and made <= self.offsets(made, OffsetAt.LATEST).keys())
        if any(isinstance(error, InvalidTopic) for error in answers.values()):
            self._name_collisions(answers)
        return answers

    def _name_collisions(self, answers: dict[str, BrokerError | None]) -> None:
        """Kafka refuses a malformed name and a colliding one with the same code."""
        taken = {collision_key(name): name for name in self._names()}
        for name, error in answers.items():
            other = taken.get(collision_key(name))
            if isinstance(error, InvalidTopic) and other is not None and other != name:
                answers[name] = _collision(name, other)

    def set_configs(self, configs: Mapping[str, Mapping[str, str | None]]) -> Mapping[str, BrokerError | None]:
        answers: dict[str, BrokerError | None] = {}
        for chunk in chunks(configs.items()):
            resources = [
                ConfigResource(
                    ResourceType.TOPIC,
                    name,
                    incremental_configs=[
                        # An operation that unsets still wants some text for a value.
                        ConfigEntry(key, value or "", incremental_operation=operation(value))
                        for key, value in settings.items()
                    ],
                )
                for name, settings in chunk
                if settings
            ]
            answers |= {name: None for name, _ in chunk}
            if resources:
                with asked("changing settings"):
                    futures = self._client.incremental_alter_configs(resources, request_timeout=self._timeout)
                answers |= errors_of({r.name: future for r, future in futures.items()}, "changing the settings of")
        return answers

    def delete_topics(self, names: Sequence[str]) -> Mapping[str, BrokerError | None]:
        answers: dict[str, BrokerError | None] = {}
        for chunk in chunks(names):
            with asked("deleting topics"):
                futures = self._client.delete_topics(chunk, request_timeout=self._timeout)
            answers |= errors_of(futures, "deleting")
        gone = {name for name, error in answers.items() if error is None}
        self._settle(len(gone), lambda: not gone & self._names())
        return answers

    def _settle(self, topics: int, seen: Callable[[], bool]) -> None:
        """Wait until the broker that answers us has heard of a change that the controller has confirmed: the next call,
        from here or from a writer, should not be refused for a topic that was just made."""
        deadline = time.monotonic() + SETTLE_TIMEOUT_S + topics * SETTLE_TOPIC_S
        while time.monotonic() < deadline:
            try:
                if seen():
                    return
            except BrokerError as error:  # the change is made all the same
                LOG.info("it could not be seen whether a change has arrived: %s", error)
                if not error.retryable:
                    return
            time.sleep(0.01)

    # --- records and offsets

    def delete_records(self, before: Mapping[str, int]) -> Mapping[str, BrokerError | None]:
        answers: dict[str, BrokerError | None] = {}
        for chunk in chunks(before.items()):
            offsets = dict(chunk)

            def ask(names: list[str], offsets: Mapping[str, int] = offsets) -> dict[str, Future[Any]]:
                with asked("deleting records"):
                    futures = self._client.delete_records(
                        [TopicPartition(name, 0, offsets[name]) for name in names], request_timeout=self._timeout
                    )
                return {partition.topic: future for partition, future in futures.items()}

            answers |= errors_of(from_leaders(ask, list(offsets), self._timeout), "deleting records of")
        return answers

    def offsets(self, topics: Iterable[str], at: OffsetAt | int) -> Mapping[str, int]:
        wanted = list(dict.fromkeys(topics))
        if at is OffsetAt.EARLIEST:
            found = self._list_offsets(wanted, _EARLIEST)
        elif at is OffsetAt.LATEST:
            found = self._list_offsets(wanted, _LATEST)
        else:
            found = self._list_offsets(wanted, OffsetSpec.for_timestamp(at))
            later = [name for name, offset in found.items() if offset < 0]
            if later:
                found |= self._list_offsets(later, _LATEST)
        return {name: found[name] for name in wanted if name in found}

    def _list_offsets(self, topics: Sequence[str], spec: OffsetSpec) -> dict[str, int]:
        def ask(names: list[str]) -> dict[str, Future[Any]]:
            with asked("reading offsets"):
                futures = self._client.list_offsets(
                    {TopicPartition(name, 0): spec for name in names},
                    isolation_level=IsolationLevel.READ_COMMITTED,
                    request_timeout=self._timeout,
                )
            return {partition.topic: future for partition, future in futures.items()}

        found: dict[str, int] = {}
        nowhere: list[str] = []
        for chunk in chunks(topics):
            for topic, future in from_leaders(ask, chunk, self._timeout).items():
                try:
                    place = answer_unless_gone(future, f"reading the offset of {topic}")
                except BrokerError as error:
                    if error.data.get("kafka_error") != "_NOENT":
                        raise
                    # What the client answers where not one of the topics has a leader, or is there.
                    nowhere.append(topic)
                    continue
                if place is not None:
                    found[topic] = place.offset
        if nowhere and (leaderless := sorted(self._names() & set(nowhere))):
            raise BrokerUnavailable(f"reading the offset of {leaderless[0]}: it has no leader", topic=leaderless[0])
        return found

    # --- groups

    def groups(self, prefix: str = "") -> Mapping[str, GroupDescription]:
        listed = answer(self._client.list_consumer_groups(request_timeout=self._timeout), "listing groups")
        if listed.errors and not listed.valid:
            raise broker_error(listed.errors[0], "listing groups")
        names = sorted(group.group_id for group in listed.valid if group.group_id.startswith(prefix))
        described: dict[str, GroupDescription] = {}
        for chunk in chunks(names):
            answers = self._client.describe_consumer_groups(chunk, request_timeout=self._timeout)
            for name, future in answers.items():
                group = answer(future, f"describing group {name}")
                if group.state in _STATES:  # a dead group is none
                    described[name] = GroupDescription(
                        name,
                        _STATES[group.state],
                        # The client does not tell a group's epoch: docs/decisions/0042.
                        generation=-1,
                        members={
                            member.member_id: tuple(sorted(p.topic for p in member.assignment.topic_partitions))
                            for member in group.members
                        },
                    )
        return described

    def ask_group(self, group: str) -> Future[Any]:
        """Ask for a group's description (confluent-kafka's), without waiting for it."""
        with asked(f"describing group {group}", group=group):
            return self._client.describe_consumer_groups([group], request_timeout=self._timeout)[group]

    def group_offsets(self, group: str) -> Mapping[str, OffsetCommit]:
        # A description first: it is refused at once where the group is closed to us (the other way waits for a coordinator
        # that it is never told), and waits until the group has a coordinator.
        try:
            answer(from_coordinator(lambda: self.ask_group(group), self._timeout), f"reading the offsets of {group}")
        except BrokerError as error:
            if error.data.get("kafka_error") != "GROUP_ID_NOT_FOUND":
                raise
        return committed_offsets(self._bootstrap, self._properties, group, self._names())

    def set_group_offsets(self, group: str, offsets: Mapping[str, OffsetCommit]) -> None:
        what = f"setting the offsets of {group}"
        for chunk in chunks(offsets.items()):
            places = [ConsumerGroupTopicPartitions(group, [partition_at(topic, commit) for topic, commit in chunk])]
            done = self._ask_coordinator(
                what,
                group,
                lambda client, **o: client.alter_consumer_group_offsets(places, **o),  # noqa: B023
            )
            for partition in done.topic_partitions:
                if partition.error is not None:
                    raise broker_error(partition.error, what, group=group, topic=partition.topic)

    def delete_group(self, group: str) -> None:
        try:
            self._ask_coordinator(
                f"deleting group {group}", group, lambda client, **o: client.delete_consumer_groups([group], **o)
            )
        except BrokerError as error:
            if error.data.get("kafka_error") != "GROUP_ID_NOT_FOUND":
                raise

    def _ask_coordinator(self, what: str, group: str, call: Callable[..., dict[str, Future[Any]]]) -> Any:
        """The answer of a group's coordinator, which may take a moment to be there."""

        def ask() -> Future[Any]:
            with asked(what, group=group):
                return call(self._client, request_timeout=self._timeout)[group]

        return answer(from_coordinator(ask, self._timeout), what, group=group)

    def close(self) -> None:
        self._opened = None


def _collision(name: str, other: str) -> TopicNameCollision:
    return TopicNameCollision(f"{name} differs from {other} only in '.' and '_'", topic=name, existing=other)


def _collisions_among(specs: Iterable[TopicSpec]) -> Iterator[tuple[str, TopicNameCollision]]:
    first: dict[str, str] = {}
    for spec in specs:
        other = first.setdefault(collision_key(spec.name), spec.name)
        if other != spec.name:
            yield spec.name, _collision(spec.name, other)


def operation(value: str | None) -> AlterConfigOpType:
    return AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
