"""A plan in words."""

from __future__ import annotations

from dataclasses import replace

from headrace.provisioning import render
from headrace.provisioning.changes import Capacity
from tests.unit.provisioning.catalogues import DAY_MS, Repository, event, product
from tests.unit.provisioning.helpers import apply_all, plan_of
from tests.unit.provisioning.memory import World

CHANGED = Repository(
    products=(product("orders", [event("Thing", (1, 2))], retention_ms=DAY_MS), product("sales")),
    tenants={"bolt": ("eu", ("orders",)), "core": ("us", ("*",)), "dawn": ("us", ("*",))},
)


def changed_world() -> World:
    world = World()
    apply_all(Repository(), world)
    return world


def test_a_product_is_one_line() -> None:
    """Each product's changes stand on one line, counted by region; Headrace's own come last."""
    lines = render.text(plan_of(Repository(), World())).splitlines()
    assert lines[0] == (
        "orders.v1       + 3 topics (eu 2, us 1)  ~ 3 compatibility levels (eu 2, us 1)  + 3 schemas (eu 2, us 1)"
    )
    assert lines[1].startswith("sales.v1        + 2 topics (eu 1, us 1)")
    assert lines[2].startswith("(dead letters)  + 2 topics (eu 1, us 1)")
    assert lines[3].startswith("(platform)      + 6 topics (eu 3, us 3)  ~ 2 catalogues (eu 1, us 1)")


def test_settings_show_old_and_new_once() -> None:
    """The same change of a hundred topics is told once."""
    text = render.text(plan_of(CHANGED, changed_world()))
    assert f"topics' settings (eu 1, us 1): retention.ms {7 * DAY_MS} -> {DAY_MS}" in text
    assert text.count("retention.ms") == 1


def test_verbose_has_a_line_for_each_change() -> None:
    """Every change is told with its region, its name and what it does."""
    plan = plan_of(CHANGED, changed_world())
    lines = render.text(plan, verbose=True).splitlines()
    assert lines[: len(plan.changes)] == [render.describe(change) for change in plan.changes]
    assert "+ us schema orders.v1.dawn-value version 2" in lines
    assert "~ us compatibility level orders.v1.dawn-value: not set -> FORWARD_TRANSITIVE" in lines


def test_what_is_kept_is_shown_with_the_way_to_delete_it() -> None:
    """Orphans are listed under a title that names the option."""
    text = render.text(plan_of(CHANGED, changed_world()))
    assert "Kept, though not declared any more (--allow-delete N deletes):" in text
    assert "  eu topic sales.v1.acme" in text


def test_many_orphans_are_counted_by_product() -> None:
    """Hundreds of kept topics do not bury the plan."""
    world = World()
    many = replace(Repository(), tenants={f"t{n}": ("eu", ("*",)) for n in range(30)})
    apply_all(many, world)
    plan = plan_of(replace(many, tenants={}), world)
    assert "  eu orders.v1: 30 topics" in render.text(plan)
    assert "  eu topic orders.v1.t7" in render.text(plan, verbose=True)


def test_refusals_say_what_to_do() -> None:
    """Each refusal stands with its hint, and the summary says that the plan is refused."""
    world = World()
    world.brokers["eu"].admin.put("orders.v1.acme", {}, partitions=2)
    text = render.text(plan_of(Repository(), world))
    assert "orders.v1.acme exists with 2 partitions" in text and "delete it by hand" in text
    assert "\nRefused, for 1 reason. Plan " in text


def test_nothing_to_do_is_one_line() -> None:
    """A clean plan says so, with its hash and the commit."""
    plan = plan_of(Repository(), changed_world())
    assert render.text(plan) == (
        f"No changes: what is there is what is declared. Plan {plan.hash[:12]}, commit c0ffee."
    )


def test_drift_and_interruptions_are_told() -> None:
    """Settings set by hand and an apply that did not end are both in the text and in the Markdown."""
    world = changed_world()
    world.brokers["eu"].admin.set_configs({"sales.v1.acme": {"flush.ms": "1"}})
    journal = world.brokers["us"].admin.logs["headrace-journal.v1._platform"]
    journal.pop()
    plan = plan_of(Repository(), world)
    for words in (render.text(plan), render.markdown(plan)):
        assert "eu sales.v1.acme: flush.ms=1" in words
        assert "The last apply of region us (apply-1, plan" in words and "did not end" in words


def test_markdown_is_a_table_with_everything_folded_below() -> None:
    """A merge request shows the table and hides the list; pipes in texts do not break it."""
    text = render.markdown(plan_of(CHANGED, changed_world(), allow_delete=0))
    rows = [line for line in text.splitlines() if line.startswith("| orders.v1 |")]
    assert len(rows) == 1
    assert "**Refused**" in text and "<details><summary>Every change</summary>" in text
    assert "- eu topic orders.v1.acme" in text


def test_the_time_is_told_in_words() -> None:
    """Seconds below two minutes, minutes above; and an embedded cluster's bound is named where it is passed."""
    plan = plan_of(Repository(), World())
    slow = Capacity("eu", "kafka", "id", 0, 10_000, 0, 10_000, 500.0)
    big = Capacity("us", "embedded", "id", 0, 501, 0, 0, 0.2)
    text = render.text(type(plan)(**{f: getattr(plan, f) for f in plan.__struct_fields__} | {"capacity": (slow, big)}))
    assert "eu: kafka cluster id, topics 0 -> 10000, schemas 0 -> 10000, about 8 min" in text
    assert "under a second (embedded clusters are made for up to 500 topics)" in text
