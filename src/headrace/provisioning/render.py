"""A plan in words: collapsed by product for a terminal, every change with ``verbose``, and Markdown for a merge request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from headrace.provisioning.changes import (
    ORDER,
    AdoptAccess,
    AdoptSubject,
    AdoptTopic,
    Capacity,
    Change,
    CreateTopic,
    DeleteSubject,
    DeleteTopic,
    DenyAccess,
    ForeignRule,
    Forget,
    GrantAccess,
    Plan,
    PublishCatalogue,
    RegisterSchema,
    RevokeAccess,
    SetCompatibility,
    SetConfigs,
)

_SIGNS: dict[type, tuple[str, str, str]] = {
    DenyAccess: ("+", "denial", "denials"),
    CreateTopic: ("+", "topic", "topics"),
    AdoptTopic: ("=", "topic adopted", "topics adopted"),
    SetConfigs: ("~", "topic's settings", "topics' settings"),
    SetCompatibility: ("~", "compatibility level", "compatibility levels"),
    RegisterSchema: ("+", "schema", "schemas"),
    AdoptSubject: ("=", "subject adopted", "subjects adopted"),
    AdoptAccess: ("=", "access rule adopted", "access rules adopted"),
    GrantAccess: ("+", "right", "rights"),
    PublishCatalogue: ("~", "catalogue", "catalogues"),
    Forget: ("-", "inventory entry", "inventory entries"),
    DeleteSubject: ("-", "subject", "subjects"),
    DeleteTopic: ("-", "topic", "topics"),
    RevokeAccess: ("-", "access rule", "access rules"),
}

_KEPT_SHOWN = 20


def text(plan: Plan, *, verbose: bool = False) -> str:
    """The plan as plain text of any width, with one line per product; with ``verbose``, one per change."""
    blocks = [
        _interruptions(plan),
        [describe(change) for change in plan.changes] if verbose else _table(_by_product(plan.changes)),
        _block("Kept, though not declared any more (--allow-delete N deletes):", _orphans(plan, verbose)),
        _block("Set by hand on topics of ours, and left:", [_drift(d.region, d.name, d.configs) for d in plan.drift]),
        _block("Access rules of others about what is ours, and left:", _foreign(plan, verbose)),
        _block("Warnings:", [w.message for w in plan.warnings]),
        _block("Refused:", [f"{r.message}; {r.hint}" for r in plan.refusals]),
        _capacity(plan),
        [summary(plan)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def summary(plan: Plan) -> str:
    """One line: how many changes, and the plan's hash."""
    if plan.refusals:
        head = f"Refused, for {_count(len(plan.refusals), 'reason', 'reasons')}"
    elif not plan.changes:
        head = "No changes: what is there is what is declared"
    else:
        head = _count(len(plan.changes), "change", "changes")
    return f"{head}. Plan {plan.hash[:12]}{f', commit {plan.commit[:12]}' if plan.commit else ''}."


def markdown(plan: Plan) -> str:
    """For a merge request: a table by product, and the full list folded below it."""
    out = ["### Headrace plan", "", summary(plan), ""]
    out += [f"> {line}" for line in _interruptions(plan)]
    if plan.refusals:
        out += ["", "**Refused**", "", *(f"- {_escape(r.message)}; {_escape(r.hint)}" for r in plan.refusals)]
    if plan.changes:
        out += ["", "| product | changes |", "| --- | --- |"]
        out += [f"| {_escape(product)} | {_escape('; '.join(parts))} |" for product, parts in _by_product(plan.changes)]
    if plan.orphans:
        out += ["", "**Kept, though not declared any more**", "", *(f"- {line}" for line in _orphans(plan, False))]
    if plan.drift:
        out += ["", "**Set by hand, and left**", ""]
        out += [f"- {_escape(_drift(d.region, d.name, d.configs))}" for d in plan.drift]
    if plan.foreign:
        out += ["", "**Access rules of others about what is ours, and left**", ""]
        out += [f"- {_escape(line)}" for line in _foreign(plan, False)]
    if plan.warnings:
        out += ["", "**Warnings**", "", *(f"- {_escape(w.message)}" for w in plan.warnings)]
    if plan.capacity:
        out += [
            "",
            "| region | cluster | topics | schemas | access rules | about |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        out += [
            f"| {c.region} | {c.kind} {_escape(c.cluster_id)} | {c.topics} → {c.topics_after} "
            f"| {c.schemas} → {c.schemas_after} | {_rules(c, ' → ') or '-'} | {_seconds(c.seconds)} |"
            for c in plan.capacity
        ]
    if plan.changes:
        out += ["", "<details><summary>Every change</summary>", "", "```text"]
        out += [describe(change) for change in plan.changes]
        out += ["```", "", "</details>"]
    return "\n".join([*out, ""])


def describe(change: Change) -> str:
    """One change on one line."""
    sign, noun, _ = _SIGNS[type(change)]
    head = f"{sign} {change.region} {noun} {change.name}"
    if isinstance(change, CreateTopic):
        return f"{head} ({_configs(change.configs)})"
    if isinstance(change, SetConfigs):
        return f"{head}: {_settings(change)}"
    if isinstance(change, SetCompatibility):
        return f"{head}: {change.old.value if change.old else 'not set'} -> {change.new.value}"
    if isinstance(change, RegisterSchema):
        by = f", by exception: {change.exception}" if change.exception is not None else ""
        return f"{head} version {change.version}{by}"
    if isinstance(change, PublishCatalogue):
        return f"{head}: {change.products} products, {change.tenants} tenants"
    return head


def _by_product(changes: Sequence[Change]) -> list[tuple[str, list[str]]]:
    """By product, in name order, what happens to it; Headrace's own things last."""
    grouped: dict[str, dict[type, list[Change]]] = {}
    for change in changes:
        grouped.setdefault(change.product, {}).setdefault(type(change), []).append(change)
    order = sorted(grouped, key=lambda product: (product.startswith("("), product))
    return [
        (product, [_part(kind, grouped[product][kind]) for kind in ORDER if kind in grouped[product]])
        for product in order
    ]


def _part(kind: type, changes: list[Change]) -> str:
    sign, one, many = _SIGNS[kind]
    regions = Counter(change.region for change in changes)
    where = ", ".join(f"{region} {count}" for region, count in sorted(regions.items()))
    part = f"{sign} {_count(len(changes), one, many)} ({where})"
    if kind is SetConfigs:
        part += ": " + _few({_settings(change) for change in changes if isinstance(change, SetConfigs)})
    if kind is SetCompatibility:
        levels = {
            f"{change.old.value} -> {change.new.value}"
            for change in changes
            if isinstance(change, SetCompatibility) and change.old is not None
        }
        part += f": {_few(levels)}" if levels else ""
    return part


def _table(rows: list[tuple[str, list[str]]]) -> list[str]:
    width = max((len(product) for product, _ in rows), default=0)
    return [f"{product:<{width}}  {'  '.join(parts)}" for product, parts in rows]


def _few(texts: Iterable[str], most: int = 3) -> str:
    ordered = sorted(texts)
    return "; ".join(ordered[:most]) + (f"; and {len(ordered) - most} other" if len(ordered) > most else "")


def _settings(change: SetConfigs) -> str:
    return ", ".join(f"{name} {_or_unset(change.old[name])} -> {_or_unset(change.new[name])}" for name in change.new)


def _or_unset(value: str | None) -> str:
    return "unset" if value is None else value


def _configs(configs: dict[str, str]) -> str:
    return ", ".join(f"{name}={configs[name]}" for name in sorted(configs))


def _drift(region: str, name: str, configs: dict[str, str]) -> str:
    return f"{region} {name}: {_configs(configs)}"


def _orphans(plan: Plan, verbose: bool) -> list[str]:
    if verbose or len(plan.orphans) <= _KEPT_SHOWN:
        return [f"{o.region} {o.resource} {o.name}" for o in plan.orphans]
    counted = Counter((o.product, o.region, o.resource) for o in plan.orphans)
    return [
        f"{region} {product}: {_count(count, resource, resource + 's')}"
        for (product, region, resource), count in sorted(counted.items())
    ]


def _foreign(plan: Plan, verbose: bool) -> list[str]:
    # Holes first: they are what must not be lost among the others.
    ordered = sorted(plan.foreign, key=lambda f: not f.hole)
    shown = ordered if verbose else ordered[: max(_KEPT_SHOWN, sum(f.hole for f in ordered))]
    more = len(ordered) - len(shown)
    return [_foreign_rule(f) for f in shown] + ([f"and {more} more (--verbose shows them)"] if more else [])


def _foreign_rule(foreign: ForeignRule) -> str:
    hole = " (a hole: it lets in everybody, or its principal everywhere)" if foreign.hole else ""
    return f"{foreign.region} {foreign.rule}{hole}"


def _rules(capacity: Capacity, arrow: str) -> str:
    return "" if capacity.rules is None else f"{capacity.rules}{arrow}{capacity.rules_after}"


def _interruptions(plan: Plan) -> list[str]:
    return [
        f"The last apply of region {i.region} ({i.apply}, plan {i.plan[:12]}) did not end, or is still running: {i.done} of "
        f"{i.total} changes were made. What follows is what is left."
        for i in plan.interruptions
    ]


def _capacity(plan: Plan) -> list[str]:
    if not plan.changes:
        return []
    return [
        f"{c.region}: {c.kind} cluster {c.cluster_id}, topics {c.topics} -> {c.topics_after}, "
        f"schemas {c.schemas} -> {c.schemas_after}, "
        + (f"access rules {_rules(c, ' -> ')}, " if c.rules is not None else "")
        + _seconds(c.seconds)
        + (
            " (embedded clusters are made for up to 500 topics)"
            if c.kind == "embedded" and c.topics_after > 500
            else ""
        )
        for c in plan.capacity
    ]


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return "under a second"
    return f"about {seconds:.0f} s" if seconds < 120 else f"about {seconds / 60:.0f} min"


def _block(title: str, lines: list[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _escape(value: str) -> str:
    return value.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
