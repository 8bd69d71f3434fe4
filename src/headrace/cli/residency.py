"""`headrace residency`: where a tenant's resources are, and that they are nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from headrace.cli.output import EXIT, console, print_json, stderr

if TYPE_CHECKING:
    from headrace.provisioning.residency import Residency


def residency(
    tenant: Annotated[str | None, typer.Argument(metavar="[TENANT]", help="Only this tenant")] = None,
    directory: Annotated[Path, typer.Option("--dir", help="The declaration repository")] = Path(),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name every resource")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document")] = False,
) -> None:
    """Show where each tenant's resources are, by what the clusters and registries of all regions hold now.

    Topics, subjects, committed offsets, dead letters by the topic that they come from, catalogue entries. Exits with 0 if
    every one is in its tenant's region, else 1, and says what to do. All regions must answer: one that does not proves
    nothing.
    """
    from headrace.catalogue.load import load
    from headrace.cli.regions import open_regions
    from headrace.errors import UnknownTenant
    from headrace.provisioning.residency import residency as told
    from headrace.provisioning.residency_observed import look_into
    from headrace.streaming.hints import did_you_mean

    catalogue = load(directory)
    with open_regions(catalogue, directory, sorted(catalogue.regions)) as connections:
        found = {id_: look_into(connection) for id_, connection in connections.items()}
    made = told(catalogue, found, tenant)
    if tenant is not None and tenant not in catalogue.tenants and not made.places:
        hint = did_you_mean(tenant, catalogue.tenants)
        raise UnknownTenant(f"there is no tenant {tenant!r}, and nothing of it", hint=hint, tenant=tenant)
    clusters = {id_: there.cluster_id for id_, there in found.items()}
    if as_json:
        print_json(_document(made, clusters))
    else:
        _show(made, clusters, verbose=verbose)
    raise typer.Exit(EXIT.CLEAN if made.ok else EXIT.ERROR)


def _document(made: Residency, clusters: dict[str, str]) -> dict[str, Any]:
    return {
        "ok": made.ok,
        "clusters": clusters,
        "tenants": dict(made.regions),
        "places": [{**place._asdict(), "kind": place.kind.value} for place in made.places],
        "problems": [problem._asdict() for problem in made.problems],
    }


def _show(made: Residency, clusters: dict[str, str], *, verbose: bool) -> None:
    from rich.table import Table

    from headrace.provisioning.residency import Kind

    for region, cluster_id in sorted(clusters.items()):
        console.print(f"[dim]{escape(region)}: cluster {escape(cluster_id)}[/]", soft_wrap=True)
    kinds = list(Kind)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("tenant", "region"):
        table.add_column(title, no_wrap=True)
    for kind in kinds:
        table.add_column("catalogue" if kind is Kind.ENTRY else f"{kind.value}s", justify="right", no_wrap=True)
    table.add_column("")
    counts: dict[tuple[str, str], dict[Kind, int]] = {(t, r): {} for t, r in made.regions.items()}
    for place in made.places:
        counts.setdefault((place.tenant, place.region), {})[place.kind] = place.number
    for (tenant, region), of in sorted(counts.items()):
        home = made.regions.get(tenant)
        verdict = (
            "" if home == region else "[bold red]unknown tenant[/]" if home is None else f"[bold red]lives in {home}[/]"
        )
        table.add_row(tenant, region, *(f"{of[kind]:,}" if of.get(kind) else "-" for kind in kinds), verdict)
    console.print(table)
    if verbose:
        for place in made.places:
            for name in place.names:
                console.print(f"  [dim]{place.tenant} {place.region} {place.kind}[/] {escape(name)}", soft_wrap=True)
    if made.ok:
        who = f"{len(made.regions)} tenants" if len(made.regions) != 1 else next(iter(made.regions))
        has = "has" if len(made.regions) == 1 else "have"
        console.print(f"[green]yes[/] what {escape(who)} {has} is in the tenant's own region, and nowhere else")
        return
    for problem in made.problems:
        stderr.print(f"[bold red]NO[/] {escape(problem.message)}", soft_wrap=True)
        stderr.print(f"   [cyan]hint[/]: {escape(problem.hint)}", soft_wrap=True)
