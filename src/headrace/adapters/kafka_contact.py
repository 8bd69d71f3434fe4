"""The first contact with a cluster: who is not let in is told so within seconds, and why nobody answers is said.

librdkafka takes a refused password for one more reason to try again, and lets every question run into its timeout. It tells
of the reason in a notice beside; here the first question of a client listens to both.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException

from headrace.adapters.kafka_errors import broker_error
from headrace.adapters.kafka_log import on_client_error
from headrace.errors import AccessDenied, BrokerUnavailable

GRACE_S = 2.0
"""How long a refusal may be a passing one: a user that was just made is not known to every broker at once."""

_REFUSED = (KafkaError._AUTHENTICATION, KafkaError._SSL)
_CONNECTING = (KafkaError._AUTHENTICATION, KafkaError._RESOLVE, KafkaError._SSL, KafkaError._TRANSPORT)


class Notices:
    """A client's ``error_cb``, which keeps what it was told of connections."""

    def __init__(self) -> None:
        self.last: KafkaError | None = None
        self.refused_since: float | None = None

    def __call__(self, error: KafkaError) -> None:
        on_client_error(error)
        if error.code() in _CONNECTING:
            self.last = error
        if error.code() in _REFUSED and self.refused_since is None:
            self.refused_since = time.monotonic()


class Polled(Protocol):
    """A client whose notices are served by `poll`, on the thread that calls it."""

    def poll(self, timeout: float) -> Any: ...

    def describe_cluster(self, *, request_timeout: float) -> Future[Any]: ...


def make_contact(client: Polled, notices: Notices, bootstrap: str, timeout: float, *, grace: float = GRACE_S) -> None:
    """Return when the cluster has answered. Raises `AccessDenied` where it has not let this client in ``grace`` seconds after
    the first refusal, `BrokerUnavailable` after ``timeout`` seconds without an answer, with the last notice."""
    what = f"reaching the cluster at {bootstrap}"
    notices.refused_since = None
    future = client.describe_cluster(request_timeout=timeout)
    while not future.done():
        client.poll(0.05)
        since = notices.refused_since
        if since is not None and notices.last is not None and time.monotonic() - since >= grace:
            raise _refused(what, notices.last)
    try:
        future.result()
    except KafkaException as error:
        translated = broker_error(error, what)
        if isinstance(translated, BrokerUnavailable):
            # A broker that wants to be spoken to in another protocol hangs up, of which there is no notice.
            said = "" if notices.last is None else f"; the client says: {notices.last.str()}"
            raise BrokerUnavailable(
                f"{what}: nobody answers{said}",
                hint="check the cluster's address, whether it runs, and `security.protocol` among its properties",
                **translated.data,
            ) from error
        raise translated from error


def _refused(what: str, error: KafkaError) -> AccessDenied:
    if error.code() == KafkaError._SSL:
        hint = "check `ssl.ca.location` and the client's certificate among the cluster's properties"
    else:
        hint = "check user and password (`sasl.username`, `sasl.password`) and `sasl.mechanism` among the cluster's properties"
    denied = AccessDenied(f"{what}: {error.str()}", hint=hint, kafka_error=error.name())
    denied.__cause__ = KafkaException(error)
    return denied
