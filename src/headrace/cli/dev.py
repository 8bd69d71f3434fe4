"""`headrace dev up` and `down`: a local Apache Kafka and registry for each region, for development."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headrace.cli.output import console, print_json, stderr

if TYPE_CHECKING:
    from headrace.local.dev_state import State

FOLDER = Path(".headrace-dev")


class Action(StrEnum):
    UP = "up"
    DOWN = "down"
    FETCH = "fetch"


class RegistryKind(StrEnum):
    HEADRACE = "headrace"
    APICURIO = "apicurio"


def dev(
    action: Annotated[
        Action,
        typer.Argument(
            metavar="up|down|fetch",
            help="Start what does not run, stop all of it, or only bring what it runs on",
        ),
    ],
    nodes: Annotated[int | None, typer.Option(help="Nodes of each cluster: 1 or 3", show_default="1")] = None,
    regions: Annotated[
        str | None, typer.Option(help="The regions, with commas between them", show_default="eu")
    ] = None,
    secure: Annotated[
        bool, typer.Option("--secure", help="Clients sign in, and may do what access rules permit")
    ] = False,
    user: Annotated[
        list[str] | None, typer.Option(help="Make this user on the secure clusters; may be given again")
    ] = None,
    registry: Annotated[
        RegistryKind | None, typer.Option(help="Headrace's own, or an independent one", show_default="headrace")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where its data, logs and secrets are kept")] = FOLDER,
    keep: Annotated[bool, typer.Option("--keep", help="down: keep the data for the next up")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what runs as JSON")] = False,
) -> None:
    """Start an Apache Kafka and a registry for each region on this machine, in the background, until `headrace dev down`.

    Prints the settings to export for a program of each region, and the block `regions:` of headrace.yaml. Run again, it
    says what runs and starts what has ended; what is not said again stays as it was.
    """
    from headrace.local import dev as setup
    from headrace.local.dev_state import Request
    from headrace.local.fetch import KAFKA, REGISTRY, fetch

    def say(step: str) -> None:
        stderr.print(step, markup=False, soft_wrap=True)

    if action is Action.FETCH:
        places = {part.name: str(fetch(part, say)) for part in (KAFKA, REGISTRY)}
        if as_json:
            print_json(places)
    elif action is Action.DOWN:
        ran = setup.down(folder, keep=keep)
        if as_json:
            print_json({"stopped": ran, "kept": keep})
        else:
            say(("Stopped." if ran else "Nothing runs.") + (" Its data are kept." if keep else ""))
    else:
        before = setup.last_request(folder)
        request = Request(
            nodes=before.nodes if nodes is None else nodes,
            regions=before.regions if regions is None else tuple(part.strip() for part in regions.split(",")),
            secure=before.secure or secure,
            registry=before.registry if registry is None else registry.value,
            users=tuple(dict.fromkeys((*before.users, *(user or ())))),
        )
        _show(setup.up(folder, request, say), folder, as_json)


def _show(state: State, folder: Path, as_json: bool) -> None:
    from headrace.local.dev_settings import exports, regions_block, shell

    if as_json:
        print_json(
            {
                "folder": str(folder.absolute()),
                "keeper": state.pid,
                "regions": {
                    id_: {
                        "bootstrap": region.bootstrap,
                        "clusterId": region.cluster_id,
                        "registry": region.registry,
                        "properties": region.admin,
                        "users": region.users,
                        "pids": region.pids,
                        "environment": exports(id_, region),
                    }
                    for id_, region in state.regions.items()
                },
            }
        )
        return
    for id_, region in state.regions.items():
        console.print(f"# a program in {id_}; or: . {folder / id_}.env", markup=False, soft_wrap=True)
        console.print(shell(exports(id_, region)), markup=False, soft_wrap=True)
        for name, file in region.users.items():
            console.print(f"# credentials of {name}: file:{file}", markup=False, soft_wrap=True)
    console.print(
        f"# headrace.yaml; or: headrace demo --config {folder / 'regions.yaml'}", markup=False, soft_wrap=True
    )
    console.print(regions_block(state.regions), markup=False, soft_wrap=True, end="")
