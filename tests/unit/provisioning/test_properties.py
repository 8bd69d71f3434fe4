"""What holds for every catalogue and every change of it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import ApplyInterrupted
from headrace.interfaces.access import AccessRule, Match, Operation, ResourceKind
from headrace.model.product import Status, StreamingProduct, TopicKind
from headrace.model.schema import Compatibility
from headrace.provisioning.desired import desired
from headrace.provisioning.plan import encode_plan
from tests.unit.provisioning.catalogues import DAY_MS, Repository, event, product
from tests.unit.provisioning.helpers import TODAY, apply_all, plan_of
from tests.unit.provisioning.memory import World

pytestmark = pytest.mark.slow


PRODUCTS = ("orders", "sales", "stock")
TENANTS = ("acme", "bolt", "core", "dawn")
LEVELS = st.sampled_from([Compatibility.FORWARD_TRANSITIVE, Compatibility.FORWARD])
HISTORY = [[("Thing", 1)], [("Thing", 2)], [("Other", 3)], [("Thing", 4), ("Other", 4)]]
"""What each schema version of a product brings; a product is at some place of it, and only ever moves on."""


def at_version(id_: str, version: int, **options: object) -> StreamingProduct:
    numbers: dict[str, list[int]] = {}
    for brought in HISTORY[:version]:
        for name, number in brought:
            numbers.setdefault(name, []).append(number)
    return product(id_, [event(name, found) for name, found in numbers.items()], **options)  # type: ignore[arg-type]


@st.composite
def repositories(draw: st.DrawFn, after: dict[str, int]) -> Repository:
    """A repository whose products are at the versions of ``after`` or later (and note in it where they are now)."""
    products = []
    for id_ in draw(st.lists(st.sampled_from(PRODUCTS), unique=True)):
        after[id_] = draw(st.integers(after.get(id_, 1), len(HISTORY)))
        state = draw(st.booleans())
        products.append(
            at_version(
                id_,
                after[id_],
                kind=TopicKind.STATE if state else TopicKind.LOG,
                retention_ms=None if state else draw(st.sampled_from([DAY_MS, 7 * DAY_MS])),
                max_bytes=draw(st.sampled_from([1_000, 2_000])),
                compatibility=draw(LEVELS),
                consumers=draw(st.sampled_from([("plan",), ("plan", "promo"), ()])),
                status=draw(st.sampled_from([Status.ACTIVE, Status.DEPRECATED, Status.DRAFT])),
            )
        )
    tenants = {
        t: (region, draw(st.sampled_from([("*",), ("orders",), ("sales", "stock"), ()])))
        for t, region in (("acme", "eu"), ("bolt", "eu"), ("core", "us"), ("dawn", "us"))
        if draw(st.booleans())
    }
    return Repository(
        products=tuple(products),
        tenants=tenants,
        guarded=draw(st.booleans()),
        limited={t: draw(st.sampled_from([("plan",), ("store", "promo")])) for t in tenants if draw(st.booleans())},
        own={t: ("orders",) for t in tenants if draw(st.booleans())},
    )


@st.composite
def histories(draw: st.DrawFn, length: int = 3) -> list[tuple[Repository, int | None]]:
    """Repositories that follow each other, each with the deletions that its apply allows."""
    versions: dict[str, int] = {}
    count = draw(st.integers(1, length))
    return [(draw(repositories(versions)), draw(st.sampled_from([None, 1_000]))) for _ in range(count)]


@given(histories(), st.booleans())
def test_after_an_apply_the_plan_is_empty(history: list[tuple[Repository, int | None]], bulk: bool) -> None:
    """Whatever was there before and whatever is changed, applying once is enough."""
    world = World(bulk=bulk)
    for repository, allow_delete in history:
        apply_all(repository, world, allow_delete)
        plan = plan_of(repository, world, allow_delete)
        assert plan.changes == () and plan.refusals == ()


@given(histories())
def test_nothing_goes_without_leave(history: list[tuple[Repository, int | None]]) -> None:
    """Without `allow_delete` no topic and no subject is ever lost, and no schema version changes."""
    world = World()
    for repository, _ in history:
        before = world.state()
        apply_all(repository, world)
        after = world.state()
        for region in before:
            was, now = before[region], after[region]
            assert was["topics"].keys() <= now["topics"].keys()  # type: ignore[index]
            for subject, schemas in was["subjects"].items():  # type: ignore[index]
                assert now["subjects"][subject][: len(schemas)] == schemas  # type: ignore[index]


@given(histories(), st.data())
def test_an_interrupted_apply_ends_where_a_whole_one_does(
    history: list[tuple[Repository, int | None]], data: st.DataObject
) -> None:
    """Stopped anywhere and resumed, as often as one likes, the same is there as after an apply in one go."""
    whole, pieces = World(), World()
    for repository, allow_delete in history:
        apply_all(repository, whole, allow_delete)
        for _ in range(data.draw(st.integers(1, 3))):
            left = iter(range(data.draw(st.integers(0, 25)), -1_000, -1))
            try:
                apply_all(repository, pieces, allow_delete, stop=lambda left=left: next(left) <= 0, batch=1)
            except ApplyInterrupted:
                continue
        apply_all(repository, pieces, allow_delete)
        assert pieces.state() == whole.state()
        assert plan_of(repository, pieces, allow_delete).clean


@settings(max_examples=25)
@given(histories())
def test_no_rule_of_others_is_ever_touched(history: list[tuple[Repository, int | None]]) -> None:
    """Whatever is declared and withdrawn, rules made by hand stay, and in the end those of ours are the wanted ones."""
    world = World()
    by_hand = {
        AccessRule("User:plan-eu", ResourceKind.TOPIC, "orders.v1.", Match.PREFIXED, Operation.ALTER),
        AccessRule("User:snoop", ResourceKind.TOPIC, "*", Match.LITERAL, Operation.READ),
    }
    for broker in world.brokers.values():
        broker.access.there |= by_hand
    for repository, _ in history:
        apply_all(repository, world, 1_000)
        wanted = desired(repository.catalogue(), today=TODAY)
        for region, broker in world.brokers.items():
            assert broker.access.there == wanted.regions[region].rules.keys() | by_hand


@settings(max_examples=25)
@given(histories())
def test_nobody_denied_ever_has_the_right(history: list[tuple[Repository, int | None]]) -> None:
    """After each single call to the cluster, in whatever order it was asked, no application may read a topic of a tenant
    that does not admit it, before and after."""
    world = World()
    denied: set[tuple[str, str, str]] = set()

    def check() -> None:
        for region, principal, topic in denied:
            access = world.brokers[region].access
            if topic in world.brokers[region].admin.there:
                assert not access.may(principal, ResourceKind.TOPIC, topic, Operation.READ)

    for repository, allow_delete in history:
        catalogue = repository.catalogue()
        now = {
            (tenant.region, f"User:{application}-{tenant.region}", product_.topic_name(tenant.id))
            for tenant in catalogue.tenants.values()
            for product_ in catalogue.products.values()
            for application in catalogue.applications
            if repository.guarded and tenant.takes(product_.id) and not tenant.admits(application)
        }
        denied &= now
        apply_all(repository, world, allow_delete, progress=lambda _: check(), batch=1)
        denied = now
        check()


@given(histories(length=2), st.randoms(use_true_random=False))
def test_the_order_of_mappings_does_not_show(history: list[tuple[Repository, int | None]], random: object) -> None:
    """The same inputs in another order give the same bytes."""
    world = World()
    for repository, _ in history[:-1]:
        apply_all(repository, world)
    repository = history[-1][0]
    first = encode_plan(plan_of(repository, world))
    for broker in world.brokers.values():
        shuffled = list(broker.admin.there.items())
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        broker.admin.there = dict(shuffled)
    for registry in world.registries.values():
        shuffled = list(registry.by_subject.items())
        random.shuffle(shuffled)  # type: ignore[attr-defined]
        registry.by_subject = dict(shuffled)
    tenants = list(repository.tenants.items())
    random.shuffle(tenants)  # type: ignore[attr-defined]
    again = replace(repository, products=repository.products[::-1], tenants=dict(tenants))
    assert encode_plan(plan_of(again, world)) == first


_PROGRAM = """
import hashlib, sys
from headrace.provisioning.plan import encode_plan
from headrace.provisioning.render import markdown, text
from tests.unit.provisioning.helpers import apply_all, plan_of
from tests.unit.provisioning.memory import World
from tests.unit.provisioning.test_properties import at_version
from tests.unit.provisioning.catalogues import Repository

world = World()
apply_all(Repository(guarded=True, limited={"core": ("plan",)}), world)
tenants = {"acme": ("eu", ("*",)), "echo": ("eu", ("sales",)), "core": ("us", ("*",))}
products = (at_version("orders", 4), at_version("stock", 3))
changed = Repository(products=products, tenants=tenants, guarded=True, limited={"acme": ("plan",)}, own={"echo": ("sales",)})
world.brokers["eu"].admin.set_configs({"orders.v1.acme": {"min.insync.replicas": "2", "flush.ms": "1"}})
for plan in (plan_of(changed, World()), plan_of(changed, world), plan_of(changed, world, allow_delete=50)):
    sys.stdout.write(hashlib.sha256(encode_plan(plan) + text(plan).encode() + markdown(plan).encode()).hexdigest())
"""


def test_the_seed_of_hashes_does_not_show() -> None:
    """Processes with different PYTHONHASHSEED write the same plan, text and Markdown."""
    root = Path(__file__).parents[3]
    outputs = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], cwd=root, env=environment, capture_output=True, text=True, check=True
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1 and len(outputs.pop()) == 3 * 64
