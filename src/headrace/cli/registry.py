"""`headrace registry serve`: a schema registry of Confluent's API, on an embedded store or a compacted topic."""

from __future__ import annotations

import logging
import sys
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.output import console, print_json, stderr
from headrace.errors import SettingsError

FOLDER = Path(".headrace/registry")
"""Where nothing else is said."""


class Action(StrEnum):
    SERVE = "serve"


def registry(
    action: Annotated[Action, typer.Argument(metavar="serve", help="Serve it until Ctrl-C")],
    folder: Annotated[
        Path | None,
        typer.Option(help=f"An embedded store: this folder [default: the setting `cluster`, else {FOLDER}]"),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Where the registry is kept: `kafka:HOST:PORT,...` or `embedded:FOLDER`")
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="On Kafka: the registry's topic [default: headrace-registry.v1._platform]")
    ] = None,
    host: Annotated[str, typer.Option(help="The address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one")] = 8081,
    profile: Annotated[str, typer.Option(help="The registry as which it decides what is compatible")] = "confluent",
    as_json: Annotated[bool, typer.Option("--json", help="Say where it is as JSON")] = False,
) -> None:
    """Serve a schema registry that any client of Confluent's API can use, for development.

    Several servers may share one folder of a machine, or one topic of a cluster. It decides whether schemas are compatible as
    the registry of --profile does, and says why not in words, too.
    """
    from headrace.bootstrap import open_registry_store
    from headrace.catalogue.compatibility.batch import is_profile
    from headrace.cli.compat import unknown_profile
    from headrace.settings import load_settings
    from headrace.web.registry_api import registry_app
    from headrace.web.serve import bound, serve, url_of

    if not is_profile(profile):
        raise unknown_profile(profile)
    settings = load_settings(cluster=_address(folder, cluster))
    address = settings.cluster or f"embedded:{FOLDER}"
    if topic is not None and not address.startswith("kafka:"):
        raise SettingsError("a topic is for a registry on Kafka", hint="give --cluster kafka:HOST:PORT", option="topic")
    # Two servers take the right to write from each other: what the client says of that is no error.
    logging.getLogger("headrace.kafka.client").setLevel(logging.CRITICAL)
    with bound(host, port) as listening:
        store = open_registry_store(address, topic=topic, properties=settings.cluster_properties, profile=profile)
        try:
            url = url_of(listening)

            def ready() -> None:
                if as_json:
                    print_json({"url": url, "store": address})
                else:
                    console.print(f"A schema registry ({address}) is at {url}", soft_wrap=True, markup=False)
                sys.stdout.flush()

            if not _is_loopback(host):
                stderr.print(f"[yellow]Anybody who reaches {host} may change this registry[/]: it has no log-in.")
            serve(registry_app(store), listening, ready)
        finally:
            store.close()


def _address(folder: Path | None, cluster: str | None) -> str | None:
    if folder is not None and cluster is not None:
        raise SettingsError("both --folder and --cluster are given", hint="give one", option="folder")
    return f"embedded:{folder}" if folder is not None else cluster


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
