"""Publishing the compiled catalogue to its topic: only what changed, in one transaction, so that no program ever starts
between two catalogues."""

from __future__ import annotations

from typing import Final

import msgspec

from headrace.clock import Clock
from headrace.interfaces.broker import Broker
from headrace.model import names
from headrace.model.compiled import CompiledCatalogue
from headrace.model.compiled_records import latest, to_records
from headrace.model.record import Record
from headrace.provisioning.topic_reader import read_topic

TRANSACTIONAL_ID: Final = f"{names.RESERVED_PREFIX}apply"
"""One for all applies: a second apply to the same cluster fences the first, so two never mix."""


def publish_catalogue(broker: Broker, compiled: CompiledCatalogue, clock: Clock) -> int:
    """Bring the region's catalogue topic to ``compiled``, stamped with the id of the cluster that it is on; the number of
    records written, tombstones included."""
    compiled = msgspec.structs.replace(compiled, cluster_id=broker.admin.cluster_id())
    topic = names.catalogue_topic()
    there = latest(read_topic(broker, topic, clock))
    wanted = to_records(compiled)
    kept = {record.key for record in wanted}
    changed = [
        *(Record(key, None) for key in sorted(there) if key not in kept),
        *(record for record in wanted if there.get(record.key or b"") != record.value),
    ]
    if not changed:
        return 0
    writer = broker.transactional_writer(TRANSACTIONAL_ID)
    try:
        writer.begin()
        receipts = [writer.publish(topic, record) for record in changed]
        writer.commit()
        for receipt in receipts:
            receipt.result(0)
    finally:
        writer.close()
    return len(changed)
