"""Access rights on a secure Kafka, with the rules that Headrace applies: who is refused what, by Kafka itself."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from headrace.errors import AccessDenied, BrokerError, TransactionAborted
from headrace.interfaces.access import Operation
from headrace.interfaces.broker import OffsetAt, OffsetCommit, TopicSpec
from headrace.local.kafka_server import KafkaServer
from headrace.model.record import Record
from tests.e2e.access_parts import STRANGER, TENANT_OWN, Secured, deny, guarded_catalogue, secured

pytestmark = pytest.mark.kafka

SALES, SALES_BOLT = "sales-events.v1.acme", "sales-events.v1.bolt"
PROMOTIONS = "promotions.v1.acme"


@pytest.fixture(scope="module")
def kafka(secure_kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """The secure node with everything applied by a principal that has the documented rights alone."""
    made = secured(secure_kafka, tmp_path_factory.mktemp("registry"))
    made.apply(guarded_catalogue())
    yield made
    made.empty()


class Listener:
    """Takes whatever the group gives."""

    def on_assigned(self, topics: Mapping[str, OffsetCommit | None]) -> None:
        return

    def on_revoked(self, topics: Sequence[str]) -> None:
        return

    on_lost = on_revoked

    def on_error(self, topic: str, error: BrokerError) -> None:
        return


# --- the raw client, outside of anything of Headrace's


def raw_write(kafka: Secured, user: str, topic: str, **settings: str) -> int | None:
    """The code of the error that a plain producer gets, or None."""
    told: list[KafkaError | None] = []
    producer = Producer({"bootstrap.servers": kafka.server.bootstrap, **kafka.users[user], **settings})
    producer.produce(topic, b"x", b"key", on_delivery=lambda error, _: told.append(error))
    producer.flush(20)
    producer.close()
    assert len(told) == 1
    return None if told[0] is None else told[0].code()


def raw_read(kafka: Secured, user: str, topic: str, group: str | None = None) -> int | None:
    """The code of the error that a plain consumer gets (assigned, or with ``group`` subscribed), or None for a place to
    read from."""
    settings = {"group.id": group or "none", "enable.auto.commit": "false", "enable.partition.eof": "true"}
    consumer = Consumer(
        {
            "bootstrap.servers": kafka.server.bootstrap,
            "auto.offset.reset": "earliest",
            **kafka.users[user],
            **settings,
        }
    )
    try:
        if group is None:
            # A client that may not even see the topic waits for its leader for ever; the metadata say why.
            hidden = consumer.list_topics(topic, timeout=20).topics[topic].error
            if hidden is not None:
                return hidden.code()
            consumer.assign([TopicPartition(topic, 0, 0)])
        else:
            consumer.subscribe([topic])
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            message = consumer.poll(0.2)
            if message is None:
                continue
            error = message.error()
            if group is None and error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                continue  # the client asks for its group even where it assigns its topics itself
            return None if error is None or error.code() == KafkaError._PARTITION_EOF else error.code()
    finally:
        consumer.close()
    raise AssertionError("the consumer was told nothing")


def raw_transaction(kafka: Secured, user: str, transactional_id: str) -> int | None:
    """The code of the error that a plain transactional producer gets when it begins, or None."""
    producer = Producer(
        {"bootstrap.servers": kafka.server.bootstrap, **kafka.users[user], "transactional.id": transactional_id}
    )
    try:
        producer.init_transactions(20)
    except KafkaException as error:
        return error.args[0].code()
    return None


def test_a_stranger_is_refused_everything_by_kafka_itself(kafka: Secured) -> None:
    """A principal that nothing is declared for may not read, write, join a group or use a transactional id, with a client
    that knows nothing of Headrace."""
    assert raw_write(kafka, STRANGER, SALES) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert raw_read(kafka, STRANGER, SALES) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert raw_read(kafka, STRANGER, SALES, "plan.main") == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert raw_read(kafka, STRANGER, SALES, "stranger.main") == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert raw_transaction(kafka, STRANGER, "plan.main.0") == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    with closing(kafka.broker(STRANGER)) as broker:
        assert broker.admin.topics() == {}


def test_a_declared_application_may_do_what_is_declared(kafka: Secured) -> None:
    """The same raw client as the declared principal: nothing else decides."""
    assert raw_write(kafka, "data-api", SALES) is None
    assert raw_read(kafka, "plan", SALES) is None
    assert raw_read(kafka, "plan", SALES, "plan.raw") is None
    assert raw_write(kafka, "plan", "dlq.plan") is None
    assert raw_transaction(kafka, "plan", "plan.raw.0") is None


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("plan", SALES),  # it consumes it
        ("plan", PROMOTIONS),
        ("promo-pricing", "order-proposals.v1.acme"),  # its neighbour's
        ("promo-pricing", "dlq.plan"),
        ("data-api", "headrace-catalogue.v1._platform"),
        ("promo-pricing", SALES_BOLT),
        (TENANT_OWN, SALES),
    ],
)
def test_it_may_write_nothing_else(kafka: Secured, user: str, topic: str) -> None:
    """What it only reads, its neighbour's products and dead letters, and Headrace's own topics."""
    with closing(kafka.broker(user)) as broker, closing(broker.writer()) as writer:
        with pytest.raises(AccessDenied) as caught:
            writer.publish(topic, Record(None, b"x")).result(20)
        assert topic in caught.value.message and caught.value.hint and not caught.value.retryable
        assert f"User:{user}" not in str(caught.value)


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("data-api", SALES),  # it produces it
        ("promo-pricing", "order-proposals.v1.acme"),
        ("promo-pricing", "dlq.plan"),
        ("plan", "headrace-journal.v1._platform"),
        ("promo-pricing", SALES_BOLT),  # it has the prefix, and the tenant does not admit it
        (TENANT_OWN, SALES_BOLT),
        (TENANT_OWN, "order-proposals.v1.acme"),
    ],
)
def test_it_may_read_nothing_else(kafka: Secured, user: str, topic: str) -> None:
    """Neither by Headrace's adapter nor by the raw client."""
    assert raw_read(kafka, user, topic) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    with closing(kafka.broker(user)) as broker, closing(broker.reader()) as reader:
        with pytest.raises(AccessDenied) as caught:
            reader.assign({topic: 0})
            for _ in range(100):
                reader.poll(0.2)
        assert topic in caught.value.message and f"User:{user}" not in str(caught.value)


def test_groups_and_transactions_of_others_are_closed(kafka: Secured) -> None:
    """A neighbour's group can be neither joined nor looked at nor moved; its transactional id fences nobody."""
    assert raw_read(kafka, "promo-pricing", SALES, "plan.raw") == KafkaError.GROUP_AUTHORIZATION_FAILED
    assert raw_read(kafka, TENANT_OWN, SALES, "plan.raw") == KafkaError.GROUP_AUTHORIZATION_FAILED
    with closing(kafka.broker("promo-pricing")) as broker:
        with pytest.raises(AccessDenied) as caught:
            broker.admin.group_offsets("plan.raw")
        assert "plan.raw" in caught.value.message
        with pytest.raises(AccessDenied):
            broker.admin.set_group_offsets("plan.raw", {SALES: OffsetCommit(0)})
        with pytest.raises(AccessDenied):
            broker.admin.delete_group("plan.raw")
        writer = broker.transactional_writer("plan.raw.0")
        with pytest.raises(AccessDenied) as caught:
            writer.begin()
        assert "plan.raw.0" in str(caught.value.data) and caught.value.hint
        writer.close()


def test_a_tenant_reads_its_own_topics_itself(kafka: Secured) -> None:
    """In a group below its own prefix, and the topics of the products that it named."""
    assert raw_write(kafka, "data-api", SALES) is None
    assert raw_read(kafka, TENANT_OWN, SALES) is None
    assert raw_read(kafka, TENANT_OWN, SALES, "_tenant.acme.reports") is None
    with closing(kafka.broker(TENANT_OWN)) as broker:
        assert list(broker.admin.topic_ids([SALES])) == [SALES]
        assert broker.admin.offsets([SALES], OffsetAt.EARLIEST) == {SALES: 0}


def test_a_transaction_reaches_no_further_than_its_application(kafka: Secured) -> None:
    """With a transactional id of its own, what it may not write aborts the whole transaction."""
    with closing(kafka.broker("plan")) as broker, closing(broker.transactional_writer("plan.e2e.0")) as writer:
        writer.begin()
        allowed = writer.publish("order-proposals.v1.acme", Record(None, b"x"))
        writer.publish(PROMOTIONS, Record(None, b"x"))
        with pytest.raises(TransactionAborted) as caught:
            writer.commit()
        assert "AUTHORIZATION_FAILED" in str(caught.value)
        with pytest.raises(TransactionAborted):
            allowed.result(0)


def test_a_commit_of_many_topics_names_those_that_are_denied(kafka: Secured) -> None:
    """Of topics that are committed together, the denied one is named and the others are committed, however the client tells
    it."""
    rule = deny("plan", SALES, Operation.READ)
    listener = Listener()
    with (
        closing(kafka.broker()) as admin,
        closing(kafka.broker("plan")) as broker,
        closing(broker.reader("plan.commits")) as reader,
    ):
        reader.subscribe(["sales-events.v1.", "order-proposals.v1."], listener)
        while len(reader.assignment()) < 4:
            reader.poll(0.2)
        admin.access.grant([rule])
        try:
            for _ in range(5):
                with pytest.raises(AccessDenied) as caught:
                    reader.commit({topic: OffsetCommit(0) for topic in sorted(reader.assignment())})
                assert caught.value.topics == (SALES,)
        finally:
            admin.access.revoke([rule])
        others = {SALES_BOLT, "order-proposals.v1.acme", "order-proposals.v1.bolt"}
        assert set(admin.admin.group_offsets("plan.commits")) == others


def test_nobody_but_headrace_makes_changes_or_deletes(kafka: Secured) -> None:
    """An application may neither make nor change nor delete topics, nor delete their records."""
    with closing(kafka.broker("plan")) as broker:
        answers: list[BrokerError | None] = [
            *broker.admin.create_topics([TopicSpec("sales-events.v1.new"), TopicSpec("plan.own")]).values(),
            *broker.admin.set_configs({SALES: {"retention.ms": "1"}}).values(),
            *broker.admin.delete_topics([SALES, "dlq.plan"]).values(),
            *broker.admin.delete_records({SALES: 1}).values(),
        ]
        assert len(answers) == 6 and all(isinstance(answer, AccessDenied) for answer in answers)


def test_what_one_may_not_see_is_not_listed(kafka: Secured) -> None:
    """An application sees the topics that it has a right on, and of a product not those of tenants that do not admit it."""
    with closing(kafka.broker("promo-pricing")) as broker:
        assert list(broker.admin.topics("sales-events.")) == [SALES]
        assert list(broker.admin.topics("order-proposals.")) == list(broker.admin.topics("dlq.plan")) == []
        mine = [SALES, PROMOTIONS, "dlq.promo-pricing", "headrace-catalogue.v1._platform"]
        assert list(broker.admin.topic_ids(mine)) == mine
