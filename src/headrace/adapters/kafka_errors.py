"""Kafka's error codes, translated once: the broker's (protocol guide, "Error codes") and librdkafka's own (which begin
with an underscore), each to the error class that Headrace raises for it.

A code that is not listed becomes a plain `BrokerError` with the code's name in it: it is not retried, and is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from headrace.errors import (
    AccessDenied,
    BrokerError,
    BrokerUnavailable,
    BufferFull,
    Closed,
    GroupFenced,
    HeadraceError,
    InvalidTopic,
    OffsetOutOfRange,
    PayloadTooLarge,
    PublishTimeout,
    SettingsError,
    StoreCorrupt,
    TopicExists,
    TopicMissing,
    TopicReplaced,
    TransactionAborted,
    WriterFenced,
)

E = TypeVar("E", bound=HeadraceError)

_BY_CLASS: Mapping[type[HeadraceError], tuple[int, ...]] = {
    BrokerUnavailable: (
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._TRANSPORT,
        KafkaError._WAIT_COORD,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_CONTROLLER,
        KafkaError.NOT_COORDINATOR,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
    ),
    BufferFull: (KafkaError._QUEUE_FULL,),
    PublishTimeout: (KafkaError._MSG_TIMED_OUT,),
    TopicMissing: (
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    ),
    TopicExists: (KafkaError.TOPIC_ALREADY_EXISTS,),
    InvalidTopic: (
        KafkaError.INVALID_CONFIG,
        KafkaError.INVALID_PARTITIONS,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_REPLICA_ASSIGNMENT,
        KafkaError.POLICY_VIOLATION,
        KafkaError.TOPIC_EXCEPTION,
    ),
    TopicReplaced: (KafkaError.INCONSISTENT_TOPIC_ID,),
    OffsetOutOfRange: (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE),
    PayloadTooLarge: (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE),
    GroupFenced: (
        KafkaError._ASSIGNMENT_LOST,
        KafkaError.FENCED_INSTANCE_ID,
        KafkaError.FENCED_MEMBER_EPOCH,
        KafkaError.GROUP_SUBSCRIBED_TO_TOPIC,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.NON_EMPTY_GROUP,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.STALE_MEMBER_EPOCH,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError.UNRELEASED_INSTANCE_ID,
    ),
    WriterFenced: (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED),
    TransactionAborted: (
        KafkaError._PURGE_INFLIGHT,
        KafkaError._PURGE_QUEUE,
        KafkaError.CONCURRENT_TRANSACTIONS,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.INVALID_TXN_STATE,
        KafkaError.TRANSACTION_ABORTABLE,
        KafkaError.TRANSACTION_COORDINATOR_FENCED,
    ),
    AccessDenied: (
        KafkaError._AUTHENTICATION,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.DELEGATION_TOKEN_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    ),
    StoreCorrupt: (KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG, KafkaError.INVALID_MSG),
    Closed: (KafkaError._DESTROY,),
}

_DECLARED = (
    "nothing that is declared and applied in this region gives the program's principal this right: check the declaration, the "
    "region, the tenant's applications, and as whom the program signs in"
)
_HINTS: Mapping[int, str] = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _DECLARED,
    KafkaError.GROUP_AUTHORIZATION_FAILED: f"{_DECLARED}; a group belongs to the application that its name begins with",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: (
        f"{_DECLARED}; a transactional id belongs to the application that it begins with"
    ),
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: (
        "the program's principal may not do this on the cluster; one that may write to no topic at all cannot open a writer"
    ),
    KafkaError.SASL_AUTHENTICATION_FAILED: "the cluster does not accept these credentials",
    KafkaError._AUTHENTICATION: "the cluster does not accept these credentials",
}

_CLOSED_TEXTS = frozenset({"Consumer closed", "Handle has been closed", "Producer has been closed"})

CLASS_OF: Mapping[int, type[HeadraceError]] = {code: cls for cls, codes in _BY_CLASS.items() for code in codes}


def translate(error: KafkaError | KafkaException, what: str, **data: Any) -> HeadraceError:
    """The Headrace error for ``error``. ``what`` says what was being done and becomes the beginning of the text; ``data``
    are the names it was about. The original is its ``__cause__``."""
    if isinstance(error, KafkaException):
        cause, error = error, error.args[0]
    else:
        cause = KafkaException(error)
    if not isinstance(error, KafkaError):  # the client raises some of its own with a bare text
        return _caused(BrokerError(f"{what}: {error}", **data), cause)
    found = CLASS_OF.get(error.code(), BrokerError)
    if found is BrokerError and error.retriable():
        found = BrokerUnavailable
    hint = _HINTS.get(error.code())
    return _caused(found(f"{what}: {error.name()}: {error.str()}", hint=hint, kafka_error=error.name(), **data), cause)


def broker_error(error: KafkaError | KafkaException, what: str, **data: Any) -> BrokerError:
    """As `translate`, where only a `BrokerError` may be answered."""
    found = translate(error, what, **data)
    if isinstance(found, BrokerError):
        return found
    return _caused(BrokerError(found.message, hint=found.hint, **found.data), found.__cause__)


@contextmanager
def translated(what: str, **data: Any) -> Iterator[None]:
    """Translate what the client raises in the block: its own exceptions, and the ones of Python that it uses for a client
    that is closed (RuntimeError) or full (BufferError)."""
    try:
        yield
    except KafkaException as error:
        raise translate(error, what, **data) from error
    except RuntimeError as error:
        if str(error) not in _CLOSED_TEXTS:
            raise
        raise Closed(f"{what}: {error}", **data) from error
    except BufferError as error:
        raise BufferFull(f"{what}: {error}", **data) from error


@contextmanager
def asked(what: str, **data: Any) -> Iterator[None]:
    """As `translated`, for calls that check their arguments themselves and call nobody back: what they refuse with Python's
    own exceptions is a `BrokerError` too."""
    try:
        with translated(what, **data):
            yield
    except (TypeError, ValueError) as error:
        raise BrokerError(f"{what}: {error}", **data) from error


@contextmanager
def opening(what: str) -> Iterator[None]:
    """For making a client: settings that it does not accept are a `SettingsError`."""
    try:
        with translated(f"opening {what}"):
            yield
    except BrokerError as error:
        if error.data.get("kafka_error") == "_INVALID_ARG":
            raise SettingsError(error.message) from error.__cause__
        raise


def _caused(error: E, cause: BaseException | None) -> E:
    error.__cause__ = cause
    return error
