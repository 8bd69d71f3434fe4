"""An embedded cluster with the small catalogue applied: for tests and benchmarks that run whole programs."""

from __future__ import annotations

from pathlib import Path

from headrace.adapters.embedded_broker import EmbeddedBroker
from headrace.adapters.embedded_registry import EmbeddedRegistry
from headrace.interfaces.broker import TopicSpec
from headrace.model import names
from headrace.model.compiled_records import to_records
from headrace.provisioning.compile import compile_catalogue, compose_catalogue
from headrace.testing.small_catalogue import small_catalogue


def apply_small_catalogue(cluster: Path, region: str = "eu") -> None:
    """Topics, schemas and the compiled catalogue, as `headrace apply` leaves them."""
    catalogue = small_catalogue()
    composed = compose_catalogue(catalogue)
    broker, registry = EmbeddedBroker(cluster), EmbeddedRegistry(cluster)
    try:
        ids: dict[tuple[str, int], int] = {}
        topics = [TopicSpec(names.catalogue_topic(), {"cleanup.policy": "compact"})]
        topics += [TopicSpec(names.dead_letter(application)) for application in catalogue.applications]
        for key, product in catalogue.products.items():
            for tenant in catalogue.tenants_of(product, region):
                topics.append(TopicSpec(product.topic_name(tenant.id)))
                for version in product.schema_versions:
                    subject = names.subject(product.topic_name(tenant.id))
                    ids[key, version] = registry.register(subject, composed[key, version]).id
        refused = {name: error for name, error in broker.admin.create_topics(topics).items() if error is not None}
        assert not refused, refused
        writer = broker.writer()
        for record in to_records(compile_catalogue(catalogue, region, ids, composed=composed)):
            writer.publish(names.catalogue_topic(), record)
        writer.close()
    finally:
        broker.close()
        registry.close()
