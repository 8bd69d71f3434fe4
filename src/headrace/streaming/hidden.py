"""Why a lane's events are not handed out: its tenant lives elsewhere, is not known, or does not admit the application.

The subscription is by product, so a topic that somebody made by hand in the wrong region is met as well. It is an error that
is told, not one that ends the consumer: the tenants that are at home go on.
"""

from __future__ import annotations

import logging

from headrace.errors import TenantElsewhere
from headrace.model.compiled import CompiledCatalogue

log = logging.getLogger("headrace.consumer")


def tell_hidden(group: str, topic: str, tenant: str, catalogue: CompiledCatalogue) -> None:
    """Write to the log that ``topic`` is passed over, and why."""
    home = catalogue.elsewhere.get(tenant)
    if home is not None:
        error = TenantElsewhere(
            f"tenant {tenant} lives in region {home}; its topic {topic} is in {catalogue.region}, and is not handed out",
            hint="`headrace residency` shows what of a tenant is where",
            tenant=tenant,
            region=home,
            topic=topic,
        )
        log.error("%s: %s [%s]", group, error, error.code)
    elif tenant not in catalogue.tenants:
        log.warning("%s %s: no tenant of region %s is called so; it is passed over", group, topic, catalogue.region)
    else:
        log.info("%s %s: the tenant does not admit the application, or does not take the product", group, topic)
