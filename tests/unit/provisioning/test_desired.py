"""What the catalogue wants to exist."""

from __future__ import annotations

from headrace.model import names
from headrace.model.product import Status, TopicKind
from headrace.provisioning.desired import BATCH_BYTES, DEAD_LETTER_EXTRA_BYTES, RECORD_EXTRA_BYTES, desired
from tests.unit.provisioning.catalogues import DAY_MS, Repository, event, product


def test_a_topic_for_each_tenant_that_takes_the_product_in_its_own_region() -> None:
    """Each product has a topic per tenant that takes it, only in that tenant's region."""
    wanted = desired(Repository().catalogue())
    of_products = {r: [t for t in w.topics if t[:1] in "os"] for r, w in wanted.regions.items()}
    assert of_products == {
        "eu": ["orders.v1.acme", "orders.v1.bolt", "sales.v1.acme"],
        "us": ["orders.v1.core", "sales.v1.core"],
    }


def test_products_that_are_not_active_or_deprecated_want_nothing() -> None:
    """Proposed, draft and retired products have no topics; deprecated ones keep theirs."""
    for status in Status:
        repository = Repository(products=(product("orders", status=status),))
        has_topics = "orders.v1.acme" in desired(repository.catalogue()).regions["eu"].topics
        assert has_topics == (status in (Status.ACTIVE, Status.DEPRECATED)), status


def test_every_topic_has_the_log_s_own_time() -> None:
    """LogAppendTime is set on all topics, Headrace's own and dead letters included."""
    wanted = desired(Repository(products=(product("a"), product("b", kind=TopicKind.STATE))).catalogue())
    for region in wanted.regions.values():
        assert {t.configs["message.timestamp.type"] for t in region.topics.values()} == {"LogAppendTime"}


def test_a_log_topic_expires_and_a_state_topic_is_compacted() -> None:
    """The kind decides the cleanup policy; a state topic keeps tombstones long enough for a reader to see them."""
    repository = Repository(
        products=(
            product("log", retention_ms=3 * DAY_MS, max_bytes=5_000),
            product("kept", retention_ms=None),
            product("state", kind=TopicKind.STATE, retention_ms=None),
            product("fading", kind=TopicKind.STATE, retention_ms=DAY_MS),
        )
    )
    topics = desired(repository.catalogue()).regions["us"].topics
    log, kept, state, fading = (dict(topics[f"{p}.v1.core"].configs) for p in ("log", "kept", "state", "fading"))
    assert (log["cleanup.policy"], log["retention.ms"], log["max.message.bytes"]) == (
        "delete",
        str(3 * DAY_MS),
        "1065536",
    )
    assert kept["retention.ms"] == "-1"
    assert (state["cleanup.policy"], state["retention.ms"]) == ("compact", "-1")
    assert int(state["delete.retention.ms"]) >= DAY_MS
    assert (fading["cleanup.policy"], fading["retention.ms"]) == ("compact,delete", str(DAY_MS))


def test_a_dead_letter_topic_holds_the_largest_record_that_its_application_can_reject() -> None:
    """It is as large as the largest product that the application consumes and 64 kB, in every region."""
    repository = Repository(
        products=(
            product("small", max_bytes=1_000, consumers=("plan", "promo")),
            product("large", max_bytes=9_000_000, consumers=("plan",)),
            product("draft", max_bytes=99_000_000, consumers=("promo",), status=Status.DRAFT),
        )
    )
    for region in desired(repository.catalogue()).regions.values():
        plan, promo = (region.topics[names.dead_letter(a)].configs for a in ("plan", "promo"))
        assert plan["max.message.bytes"] == str(9_000_000 + RECORD_EXTRA_BYTES + DEAD_LETTER_EXTRA_BYTES)
        assert promo["max.message.bytes"] == str(BATCH_BYTES + RECORD_EXTRA_BYTES + DEAD_LETTER_EXTRA_BYTES)
        assert plan["cleanup.policy"] == "compact,delete"
        assert plan["max.compaction.lag.ms"] == str(DAY_MS), (
            "what is erased goes, however little else there is to compact"
        )


def test_an_external_application_has_no_dead_letter_topic() -> None:
    """Who does not run Headrace's SDK never writes dead letters."""
    wanted = desired(Repository(external=("plan",)).catalogue())
    assert not [t for t in wanted.regions["eu"].topics if t.startswith("dlq.")]


def test_a_subject_has_the_product_s_schema_versions_in_order() -> None:
    """Versions run from 1 to the newest that any event brings, the same for each tenant."""
    grown = product("orders", [event("Thing", (1, 3)), event("Other", (2,))])
    eu = desired(Repository(products=(grown,)).catalogue()).regions["eu"]
    acme, bolt = eu.subjects["orders.v1.acme-value"], eu.subjects["orders.v1.bolt-value"]
    assert len(acme.schemas) == 3 and len({s.fingerprint for s in acme.schemas}) == 3
    assert acme.schemas is bolt.schemas


def test_headrace_s_own_topics_stand_first() -> None:
    """Journal, inventory and catalogue are wanted in each region, before anything else."""
    for region in desired(Repository().catalogue()).regions.values():
        assert list(region.topics)[:3] == [names.journal_topic(), names.inventory_topic(), names.catalogue_topic()]
