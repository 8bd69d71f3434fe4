"""What is ours, there, and not wanted any more: kept, deleted, forgotten, or too much to delete. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from headrace.provisioning.changes import DELETIONS, Change, DeleteSubject, DeleteTopic, Forget, Orphan, Refusal
from headrace.provisioning.desired import DesiredRegion
from headrace.provisioning.observed import ObservedRegion

_LISTED = 50


def orphans(region: str, wanted: DesiredRegion, found: ObservedRegion) -> Iterator[Orphan]:
    """Subjects, then topics, by name. Only what the inventory names, and for a topic only with the id that it names."""
    for name, entry in sorted(found.inventory.subjects.items()):
        if name not in wanted.subjects and name in found.subjects:
            yield Orphan(region, entry.product, entry.tenant, name, "subject")
    for name, entry in sorted(found.inventory.topics.items()):
        there = found.topics.get(name)
        if name not in wanted.topics and there is not None and there.id == entry.id:
            yield Orphan(region, entry.product, entry.tenant, name, "topic")


def delete(leftovers: Sequence[Orphan], found: ObservedRegion) -> Iterator[Change]:
    """The deletion of each: subjects first, as `orphans` has them."""
    for orphan in leftovers:
        if orphan.resource == "subject":
            yield DeleteSubject(orphan.region, orphan.product, orphan.tenant, orphan.name)
        else:
            id_ = found.topics[orphan.name].id
            yield DeleteTopic(orphan.region, orphan.product, orphan.tenant, orphan.name, id_)


def forget(region: str, wanted: DesiredRegion, found: ObservedRegion) -> Iterator[Forget]:
    """Entries of the inventory whose resource is gone, or whose name now belongs to a topic that is not ours."""
    for name, entry in sorted(found.inventory.subjects.items()):
        if name not in wanted.subjects and name not in found.subjects:
            yield Forget(region, entry.product, entry.tenant, name, "subject")
    for name, entry in sorted(found.inventory.topics.items()):
        there = found.topics.get(name)
        if name not in wanted.topics and (there is None or there.id != entry.id):
            yield Forget(region, entry.product, entry.tenant, name, "topic")


def limit(changes: Sequence[Change], allowed: int | None, policy: int) -> Iterator[Refusal]:
    """A refusal where the deletions are more than the caller or the repository's policy allows."""
    doomed = [change for change in changes if isinstance(change, DELETIONS)]
    if not doomed or allowed is None or len(doomed) <= min(allowed, policy):
        return
    listed = ", ".join(f"{change.region}:{change.name}" for change in doomed[:_LISTED])
    more = f" and {len(doomed) - _LISTED} more" if len(doomed) > _LISTED else ""
    if len(doomed) > allowed:
        bound, hint = f"--allow-delete {allowed}", f"look at each; `--allow-delete {len(doomed)}` allows them all"
    else:
        bound = f"the repository's policy (maxDeletes: {policy})"
        hint = "raise policies.maxDeletes in headrace.yaml for this change, by a reviewed commit"
    yield Refusal(
        "", "", "deletions", "", f"{len(doomed)} deletions are more than {bound} allows: {listed}{more}", hint
    )
