"""Access rules in plans and applies: in order, only ours revoked, failing closed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from headrace.clock import ManualClock
from headrace.errors import ApplyInterrupted, PartialApply
from headrace.interfaces.access import AccessRule, Match, Operation, ResourceKind
from headrace.provisioning import changes, render
from headrace.provisioning.inventory import read_inventory
from tests.unit.provisioning.catalogues import Repository, product
from tests.unit.provisioning.helpers import apply_all, plan_of
from tests.unit.provisioning.memory import MemoryAccess, MemoryBroker, World

ONE = Repository(
    products=(product("orders", consumers=("plan", "promo")),),
    tenants={"acme": ("eu", ("*",)), "bolt": ("eu", ("*",))},
    regions=("eu",),
    guarded=True,
)
LIMITED = replace(ONE, limited={"acme": ("store", "plan")})
DENIAL = "DENY User:promo-eu ALL topic orders.v1.acme"


def world_of(repository: Repository) -> tuple[World, MemoryAccess]:
    world = World("eu")
    apply_all(repository, world)
    return world, world.brokers["eu"].access


def kinds(plan: changes.Plan) -> list[str]:
    return [type(change).__name__ for change in plan.changes]


def owned(world: World) -> set[str]:
    """What the inventory says is ours."""
    broker: MemoryBroker = world.brokers["eu"]
    return {str(rule) for rule in read_inventory(broker, ManualClock()).rules}  # type: ignore[arg-type]


def test_grants_come_before_the_catalogue_denials_before_the_topics_and_revocations_last() -> None:
    """One plan with all of them has them in the safe order."""
    world, _ = world_of(ONE)
    after = replace(LIMITED, products=(product("orders", consumers=("plan",)), product("sales", consumers=("promo",))))
    seen = list(dict.fromkeys(kinds(plan_of(after, world))))
    assert seen[0] == "DenyAccess" and seen[-1] == "RevokeAccess"
    assert seen.index("DenyAccess") < seen.index("CreateTopic") < seen.index("GrantAccess")
    assert seen.index("GrantAccess") < seen.index("PublishCatalogue") < seen.index("RevokeAccess")


def test_a_denial_is_in_force_before_what_it_narrows() -> None:
    """No rule that allows is entered while one that denies is missing; on the way back, what allows goes first."""
    world, access = world_of(LIMITED)
    assert access.history[0] == f"+ {DENIAL}"
    access.history.clear()
    apply_all(replace(ONE, products=(product("orders", consumers=("plan",)),)), world)
    revoked = [line for line in access.history if line.startswith("-")]
    assert len(revoked) > 1 and revoked[-1] == f"- {DENIAL}"


def test_a_denial_that_fails_stops_what_it_was_to_guard() -> None:
    """Where one cannot be made, no topic is made and nothing is granted; the cause gone, the next apply ends it."""
    world = World("eu")
    broker = world.brokers["eu"]
    broker.faults.broken.add(DENIAL)
    with pytest.raises(PartialApply) as caught:
        apply_all(LIMITED, world)
    assert [f["change"] for f in caught.value.failures] == [f"deny-access {DENIAL}"]
    assert not broker.access.there and "orders.v1.acme" not in broker.admin.there
    broker.faults.broken.clear()
    apply_all(LIMITED, world)
    assert DENIAL in {str(rule) for rule in broker.access.there} and plan_of(LIMITED, world).clean


def test_a_grant_that_fails_holds_the_catalogue_and_revocations_back() -> None:
    """No program hears of what it may not do yet, and nobody loses a right for it."""
    world, access = world_of(ONE)
    after = replace(ONE, products=(product("orders", consumers=("plan",)), product("sales")))
    world.brokers["eu"].faults.broken.add("ALLOW User:plan-eu READ topic prefixed sales.v1.")
    with pytest.raises(PartialApply) as caught:
        apply_all(after, world)
    assert caught.value.skipped and not [line for line in access.history if line.startswith("-")]
    world.brokers["eu"].faults.broken.clear()
    apply_all(after, world)
    assert not [rule for rule in access.there if rule.principal == "User:promo-eu"]


def test_only_rules_of_ours_are_revoked() -> None:
    """What somebody else has made stays, even for a principal of ours; what is declared and there is adopted."""
    world = World("eu")
    access = world.brokers["eu"].access
    by_hand = AccessRule("User:plan-eu", ResourceKind.TOPIC, "orders.v1.", Match.PREFIXED, Operation.WRITE)
    declared = AccessRule("User:plan-eu", ResourceKind.TOPIC, "orders.v1.", Match.PREFIXED, Operation.READ)
    access.there |= {by_hand, declared}
    plan = plan_of(ONE, world)
    assert [c.name for c in plan.changes if isinstance(c, changes.AdoptAccess)] == [str(declared)]
    apply_all(ONE, world)
    assert f"+ {declared}" not in access.history and str(declared) in owned(world)
    apply_all(replace(ONE, products=()), world)
    assert access.there == {by_hand}
    assert owned(world) == set()


def test_the_rules_of_others_on_what_is_ours_are_drift() -> None:
    """They are listed, holes first; rules elsewhere and those of operators are nobody's business here."""
    repository = replace(ONE, operators=("User:ops",))
    world, access = world_of(repository)

    def rule(principal: str, kind: ResourceKind, name: str, match: Match = Match.LITERAL) -> AccessRule:
        return AccessRule(principal, kind, name, match, Operation.READ)

    topic, group = ResourceKind.TOPIC, ResourceKind.GROUP
    holes = {
        rule("User:*", topic, "orders.v1.acme"),
        rule("User:snoop", topic, "*"),
        rule("User:snoop", topic, "", Match.PREFIXED),
    }
    drifted = {
        rule("User:snoop", topic, "orders.", Match.PREFIXED),
        rule("User:snoop", topic, "dlq.plan"),
        rule("User:snoop", topic, "headrace-", Match.PREFIXED),
        rule("User:snoop", group, "plan.main"),
        rule("User:snoop", ResourceKind.TRANSACTIONAL_ID, "plan.", Match.PREFIXED),
    }
    elsewhere = {
        rule("User:snoop", topic, "ordersv1"),
        rule("User:snoop", topic, "orders.v10.", Match.PREFIXED),
        rule("User:snoop", topic, "dlq.planner"),
        rule("User:snoop", group, "plan-b.", Match.PREFIXED),
        rule("User:snoop", ResourceKind.CLUSTER, "kafka-cluster"),
        rule("User:ops", topic, "*"),
    }
    access.there |= holes | drifted | elsewhere
    plan = plan_of(repository, world)
    assert {f.rule for f in plan.foreign} == holes | drifted
    assert {f.rule for f in plan.foreign if f.hole} == holes
    assert plan.clean
    text = render.text(plan)
    lines = text.splitlines()
    start = lines.index("Access rules of others about what is ours, and left:")
    assert [("hole" in line) for line in lines[start + 1 : start + 9]] == [True] * 3 + [False] * 5
    assert "  eu ALLOW User:* READ topic orders.v1.acme (a hole" in text
    assert "eu ALLOW User:snoop READ group plan.main" in render.markdown(plan)


def test_a_cluster_without_an_authorizer_is_warned_of_and_left_alone() -> None:
    """No rule is planned where none would be kept, and the plan says what that means."""
    world = World("eu")
    world.brokers["eu"].access.authorizer = False
    plan = plan_of(LIMITED, world)
    assert not [change for change in plan.changes if hasattr(change, "rule")]
    (warning,) = plan.warnings
    assert (warning.region, warning.rule) == ("eu", "no-authorizer")
    assert "whoever reaches the cluster may read and write everything" in render.text(plan)
    assert warning.message in render.markdown(plan) and plan.capacity[0].rules is None
    apply_all(LIMITED, world)
    assert plan_of(LIMITED, world).clean


def test_a_broker_that_knows_no_rules_is_not_warned_of() -> None:
    """The embedded broker is guarded by its folder; nothing is said of that in each plan."""
    world = World("eu")
    world.brokers["eu"].access = None  # type: ignore[assignment]
    apply_all(LIMITED, world)
    plan = plan_of(LIMITED, world)
    assert plan.clean and not plan.warnings and plan.capacity[0].rules is None


def test_the_plan_shows_each_rule_and_how_many_there_are() -> None:
    """By product in the table, each one with --verbose, and the cluster's number before and after."""
    world = World("eu")
    world.brokers["eu"].access.there.add(
        AccessRule("User:other", ResourceKind.TOPIC, "other", Match.LITERAL, Operation.READ)
    )
    plan = plan_of(LIMITED, world)
    text = render.text(plan)
    assert "orders.v1       + 1 denial (eu 1)  + 2 topics (eu 2)" in text and "+ 5 rights (eu 5)" in text
    assert "(applications)  + 12 rights (eu 12)" in text
    assert "access rules 1 -> 19" in text and "| 1 → 19 |" in render.markdown(plan)
    assert f"+ eu denial {DENIAL}" in render.text(plan, verbose=True)


def test_the_denials_of_a_topic_that_is_kept_stay() -> None:
    """A tenant that is gone leaves its topic until somebody allows its deletion, and nobody gets to see it meanwhile."""
    world, access = world_of(LIMITED)
    gone = replace(LIMITED.without_tenant("acme"), limited={})
    apply_all(gone, world)
    assert DENIAL in {str(rule) for rule in access.there}
    assert plan_of(gone, world).clean
    plan = plan_of(gone, world, allow_delete=2)
    assert kinds(plan) == ["DeleteSubject", "DeleteTopic", "RevokeAccess"]
    apply_all(gone, world, allow_delete=2)
    assert DENIAL not in {str(rule) for rule in access.there} and DENIAL not in owned(world)


def test_a_tenant_that_opens_up_loses_its_denials() -> None:
    """The topic is still declared, so what denied is revoked."""
    world, access = world_of(LIMITED)
    apply_all(ONE, world)
    assert DENIAL not in {str(rule) for rule in access.there}


def test_a_rule_that_was_taken_out_by_hand_is_granted_again() -> None:
    """The cluster is the truth, not the inventory; an entry of a rule that is gone and not wanted is forgotten."""
    world, access = world_of(LIMITED)
    denial = next(rule for rule in access.there if str(rule) == DENIAL)
    access.there.discard(denial)
    assert kinds(plan_of(LIMITED, world)) == ["DenyAccess"]
    assert kinds(plan_of(ONE, world))[-1] == "Forget"
    apply_all(ONE, world)
    assert DENIAL not in owned(world)


def test_a_rule_is_in_the_inventory_before_it_is_made() -> None:
    """An apply that is killed right after a grant leaves no rule that nobody knows."""
    world = World("eu")
    access = world.brokers["eu"].access
    grant = access.grant

    def killed(rules: list[AccessRule]) -> None:
        grant(rules)
        raise SystemExit(9)

    access.grant = killed  # type: ignore[assignment]
    with pytest.raises(SystemExit):
        apply_all(LIMITED, world)
    access.grant = grant  # type: ignore[method-assign]
    assert {str(rule) for rule in access.there} == {DENIAL} <= owned(world)
    apply_all(replace(ONE, products=()), world)
    assert not access.there


def test_interrupted_between_grants_and_revocations_it_resumes() -> None:
    """Stopped after each possible step, the next apply reaches what one in one go reaches."""
    after = replace(LIMITED, products=(product("orders", consumers=("plan",)), product("sales", consumers=("promo",))))
    whole, _ = world_of(ONE)
    total = len(plan_of(after, whole).changes)
    apply_all(after, whole)
    for steps in range(total):
        world, access = world_of(ONE)
        left = iter(range(steps, -1_000, -1))
        with pytest.raises(ApplyInterrupted):
            apply_all(after, world, stop=lambda left=left: next(left) <= 0, batch=1)
        denied = {rule.name for rule in access.there if rule.permission == "DENY"}
        assert denied == (set() if steps == 0 else {"sales.v1.acme"})
        apply_all(after, world)
        assert world.state() == whole.state() and owned(world) == owned(whole)
        assert plan_of(after, world).clean
