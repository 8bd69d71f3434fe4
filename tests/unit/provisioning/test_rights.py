"""Which access rules the declarations ask for."""

from __future__ import annotations

from dataclasses import replace
from itertools import product as combinations

from hypothesis import given
from hypothesis import strategies as st

from headrace.interfaces.access import Match, Operation, Permission, ResourceKind
from headrace.model import names
from headrace.model.product import Status
from headrace.provisioning.rights import APPLICATIONS, TENANTS, Right, desired_rules
from tests.unit.provisioning.catalogues import Repository, product
from tests.unit.provisioning.memory import Faults, MemoryAccess

GUARDED = Repository(guarded=True)
TOPIC, GROUP, TRANSACTION = ResourceKind.TOPIC, ResourceKind.GROUP, ResourceKind.TRANSACTIONAL_ID


def texts(repository: Repository, region: str = "eu") -> list[str]:
    return [str(rule) for rule in desired_rules(repository.catalogue(), region)]


def in_force(repository: Repository, region: str = "eu") -> MemoryAccess:
    """A cluster with exactly the wanted rules."""
    access = MemoryAccess(Faults())
    access.grant(list(desired_rules(repository.catalogue(), region)))
    return access


def test_a_product_costs_each_of_its_applications_one_prefix() -> None:
    """The producer writes and the consumer reads below the product's prefix; each has what is its own beside it."""
    repository = replace(GUARDED, products=(product("orders"),))
    assert texts(repository) == [
        "ALLOW User:plan-eu READ group prefixed plan.",
        "ALLOW User:plan-eu READ topic dlq.plan",
        "ALLOW User:plan-eu WRITE topic dlq.plan",
        "ALLOW User:plan-eu READ topic headrace-catalogue.v1._platform",
        "ALLOW User:plan-eu DESCRIBE_CONFIGS topic prefixed orders.v1.",
        "ALLOW User:plan-eu READ topic prefixed orders.v1.",
        "ALLOW User:plan-eu WRITE transactional-id prefixed plan.",
        "ALLOW User:store-eu READ topic headrace-catalogue.v1._platform",
        "ALLOW User:store-eu WRITE topic prefixed orders.v1.",
        "ALLOW User:store-eu WRITE transactional-id prefixed store.",
    ]


def test_the_number_of_rules_does_not_depend_on_tenants() -> None:
    """A thousand tenants need the rules of none."""
    few = texts(replace(GUARDED, tenants={}))
    assert few == texts(replace(GUARDED, tenants={f"t{n}": ("eu", ("*",)) for n in range(1_000)})) != []


def test_a_tenant_that_names_its_applications_costs_a_denial_for_each_other_one() -> None:
    """A literal DENY of everything for each application with a right on the product that the tenant does not name."""
    repository = replace(
        GUARDED,
        products=(product("orders", consumers=("plan", "promo")), product("sales")),
        limited={"acme": ("store", "plan")},
    )
    denials = {r: right for r, right in desired_rules(repository.catalogue(), "eu").items() if r.permission == "DENY"}
    assert [str(rule) for rule in denials] == ["DENY User:promo-eu ALL topic orders.v1.acme"]
    assert list(denials.values()) == [Right("orders.v1", "acme")]
    assert not [text for text in texts(repository, "us") if text.startswith("DENY")]


def test_a_tenant_s_own_principal_reads_its_own_topics_of_the_named_products() -> None:
    """LITERAL rules on its topics, and groups of its own."""
    repository = replace(GUARDED, own={"acme": ("sales",)})
    rules = {r: right for r, right in desired_rules(repository.catalogue(), "eu").items() if r.principal == "User:acme"}
    assert {str(rule): right for rule, right in rules.items()} == {
        "ALLOW User:acme READ group prefixed _tenant.acme.": Right(TENANTS, "acme"),
        "ALLOW User:acme READ topic sales.v1.acme": Right("sales.v1", "acme"),
    }


def test_an_external_application_has_its_rights_and_none_of_the_sdk_s() -> None:
    """It reads its products in groups of its own; it has no dead letters and no catalogue."""
    mine = [text for text in texts(replace(GUARDED, external=("plan",))) if "plan-eu" in text]
    assert mine == [
        "ALLOW User:plan-eu READ group prefixed plan.",
        "ALLOW User:plan-eu READ topic prefixed orders.v1.",
        "ALLOW User:plan-eu READ topic prefixed sales.v1.",
    ]


def test_a_principal_counts_in_its_own_region_only() -> None:
    """Each region has the principals that are declared for it; an application without one has no rules."""
    assert {text.split()[1][-3:] for text in texts(GUARDED, "us")} == {"-us"}
    assert texts(replace(GUARDED, guarded=False)) == []


def test_products_that_are_not_provisioned_have_no_rules() -> None:
    """A draft gives no right, not even to what is its applications' own."""
    assert texts(replace(GUARDED, products=(product("orders", status=Status.DRAFT),))) == []


def test_rules_say_what_they_are_for() -> None:
    """Rules on a product bear its key; those on what is an application's own stand for themselves."""
    rights = set(desired_rules(GUARDED.catalogue(), "eu").values())
    assert rights == {Right("orders.v1", ""), Right("sales.v1", ""), Right(APPLICATIONS, "")}


APPLICATION_IDS = ("plan", "plan-b", "promo", "store")
PRODUCT_IDS = ("orders", "orders-eu", "sales")
TENANT_IDS = ("acme", "acme-b")
some_applications = st.lists(st.sampled_from(APPLICATION_IDS), unique=True).map(tuple)


@st.composite
def guarded_repositories(draw: st.DrawFn) -> Repository:
    return Repository(
        products=tuple(
            product(id_, producers=draw(some_applications), consumers=draw(some_applications)) for id_ in PRODUCT_IDS
        ),
        tenants={tenant: ("eu", draw(st.sampled_from([("*",), ("orders", "sales")]))) for tenant in TENANT_IDS},
        guarded=True,
        limited={t: draw(some_applications) for t in TENANT_IDS if draw(st.booleans())},
        own={t: draw(st.sampled_from([("orders",), ("orders", "sales")])) for t in TENANT_IDS if draw(st.booleans())},
        external=draw(st.sampled_from([(), ("plan",)])),
    )


@given(guarded_repositories())
def test_what_is_declared_may_be_done_and_nothing_else(repository: Repository) -> None:
    """For every principal, topic and operation, the rules say exactly what the declarations say."""
    access, catalogue = in_force(repository), repository.catalogue()
    for product_, tenant in combinations(repository.products, catalogue.tenants.values()):
        topic = product_.topic_name(tenant.id)
        produces = {p.application for p in product_.producers}
        consumes = {c.application for c in product_.consumers}
        for application in APPLICATION_IDS:
            principal = f"User:{application}-eu"
            admitted = tenant.admits(application) or not tenant.takes(product_.id)
            may_write, may_read = application in produces and admitted, application in consumes and admitted
            assert access.may(principal, TOPIC, topic, Operation.WRITE) == may_write
            assert access.may(principal, TOPIC, topic, Operation.READ) == may_read
            assert access.may(principal, TOPIC, topic, Operation.DESCRIBE) == (may_write or may_read)
            for operation in (Operation.CREATE, Operation.DELETE, Operation.ALTER, Operation.ALTER_CONFIGS):
                assert not access.may(principal, TOPIC, topic, operation)
        for owner in TENANT_IDS:
            reads = owner == tenant.id and product_.id in repository.own.get(owner, ())
            assert access.may(f"User:{owner}", TOPIC, topic, Operation.READ) == reads
            assert not access.may(f"User:{owner}", TOPIC, topic, Operation.WRITE)


@given(guarded_repositories())
def test_nobody_touches_what_is_another_s_own(repository: Repository) -> None:
    """Groups, transactional ids and dead letters of an application are closed to every other one."""
    access = in_force(repository)
    for one, other in combinations(APPLICATION_IDS, APPLICATION_IDS):
        if one != other:
            principal = f"User:{one}-eu"
            assert not access.may(principal, GROUP, names.group(other, "main"), Operation.DESCRIBE)
            transactional_id = names.transactional_id(other, "main", "0")
            assert not access.may(principal, TRANSACTION, transactional_id, Operation.DESCRIBE)
            assert not access.may(principal, TOPIC, names.dead_letter(other), Operation.DESCRIBE)


@given(guarded_repositories())
def test_every_rule_is_as_narrow_as_it_can_be_said(repository: Repository) -> None:
    """No rule is for everybody, for everything, or on the cluster; a prefix ends in its dot; only denials say ALL."""
    for rule in desired_rules(repository.catalogue(), "eu"):
        assert rule.principal != "User:*" and rule.name not in ("", "*") and rule.kind is not ResourceKind.CLUSTER
        assert (rule.match is Match.PREFIXED) == rule.name.endswith(".")
        assert (rule.permission is Permission.DENY) == (rule.operation is Operation.ALL)
