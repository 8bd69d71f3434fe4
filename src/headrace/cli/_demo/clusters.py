"""Where the demo's regions are: on the embedded broker unless told otherwise, on clusters started for it, or on the user's own.

A region is here what headrace.yaml says of it, as plain values: it is written into the demo's copy of the retail catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from headrace.errors import SettingsError

Regions = Mapping[str, Mapping[str, Any]]
"""By id, a region's block in headrace.yaml."""

REGIONS = ("eu", "us")
"""The retail catalogue's."""

START_S = 180.0
"""How long a cluster may take to come up: seconds on two free cores, and much longer on busy ones."""


def regions_of(config: Path) -> Regions:
    """The regions that a file of headrace.yaml's form declares. Places of secrets that count from the working directory are
    made absolute, since the demo's copy stands elsewhere. Raises `SettingsError`; what a region says is checked with the
    catalogue."""
    from headrace.catalogue.located_yaml import YamlText

    try:
        text = YamlText(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{config} cannot be read", option="config") from error
    if text.findings:
        raise SettingsError(f"{config} is not plain YAML: {text.findings[0].message}", option="config")
    regions = text.value.get("regions") if isinstance(text.value, dict) else None
    if not isinstance(regions, dict):
        raise SettingsError(
            f"{config} declares no regions",
            hint="write `regions:` as in headrace.yaml, with a cluster and a registry for each",
            option="config",
        )
    if sorted(regions) != sorted(REGIONS):
        raise SettingsError(
            f"{config} declares the regions {', '.join(map(str, regions)) or 'none'}; "
            f"the demo's tenants live in {' and '.join(REGIONS)}",
            hint="declare these two, and no other",
            option="config",
        )
    return {id_: _absolute(region) for id_, region in regions.items()}


def _absolute(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _absolute(inner) for key, inner in value.items()}
    if isinstance(value, str) and value.startswith("file:"):
        return f"file:{Path(value.removeprefix('file:')).absolute()}"
    return value


@contextmanager
def local_kafka(tell: Callable[[str], None]) -> Iterator[Regions]:
    """One Apache Kafka and one registry for each region, on free ports of this machine, as `headrace dev up` starts them; they
    end with the context. ``tell`` is called with a line before each thing that takes a while."""
    from headrace.local.kafka_server import KafkaServer
    from headrace.local.registry_process import RegistryProcess

    with ExitStack() as stack:
        regions = {}
        for id_ in REGIONS:
            tell(f"Apache Kafka and a registry for {id_}")
            kafka = KafkaServer()
            stack.callback(kafka.stop)
            kafka.start(START_S)
            registry = stack.enter_context(
                RegistryProcess(f"kafka:{kafka.bootstrap}", log=kafka.folder / "registry.log")
            )
            regions[id_] = {
                "cluster": {"kind": "kafka", "bootstrap": kafka.bootstrap, "clusterId": kafka.cluster_id},
                "registry": {"kind": "http", "url": registry.url},
            }
        yield regions
