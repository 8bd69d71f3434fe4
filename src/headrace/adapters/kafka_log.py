"""What the Kafka client has to say goes to Python's logging, and never to standard error.

A client that has lost its brokers tries again many times a second and says so each time, so of each kind of line one
passes in ten seconds, with the number of those that did not.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from confluent_kafka import KafkaError

LOG = logging.getLogger("headrace.kafka")
CLIENT_LOG = logging.getLogger("headrace.kafka.client")

REPEAT_S = 10.0


class OncePer(logging.Filter):
    """Passes one record of a kind in ``seconds``. Its kind is its text with the first two arguments (librdkafka's facility
    and the client's name, or the name of an error), without what is different in each line."""

    def __init__(self, seconds: float = REPEAT_S, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._monotonic = monotonic
        self._kinds: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        kind = (record.levelno, record.msg, *arguments[: min(2, max(len(arguments) - 1, 0))])
        now = self._monotonic()
        next_at, held_back = self._kinds.get(kind, (now, 0))
        if now < next_at:
            self._kinds[kind] = (next_at, held_back + 1)
            return False
        self._kinds[kind] = (now + self._seconds, 0)
        if held_back:
            record.msg, record.args = f"{record.getMessage()} ({held_back} more like it were held back)", ()
        return True


CLIENT_LOG.addFilter(OncePer())


def on_client_error(error: KafkaError) -> None:
    """librdkafka's notices about connections. It goes on trying by itself; what cannot go on fails the call it is for."""
    CLIENT_LOG.log(logging.ERROR if error.fatal() else logging.WARNING, "%s: %s", error.name(), error.str())
