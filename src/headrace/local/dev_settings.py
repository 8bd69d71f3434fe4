"""What a program needs to know of clusters that `headrace dev up` started: settings to export, and headrace.yaml's regions.

A secret is named by the file that holds it, never written.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from headrace.local.dev_state import RunningRegion


def exports(region_id: str, region: RunningRegion) -> dict[str, str]:
    """The environment of a program of the region."""
    found = {
        "HEADRACE_REGION": region_id,
        "HEADRACE_CLUSTER": f"kafka:{region.bootstrap}",
        "HEADRACE_CLUSTER_ID": region.cluster_id,
        "HEADRACE_REGISTRY": region.registry,
    }
    if region.admin:
        found["HEADRACE_CLUSTER_PROPERTIES"] = joined(region.admin)
    return found


def shell(environment: Mapping[str, str]) -> str:
    """The same as lines for a POSIX shell."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())


def joined(properties: Mapping[str, str]) -> str:
    """Properties as the settings take them: commas between them, or lines where a value holds a comma."""
    pairs = [f"{name}={value}" for name, value in properties.items()]
    return ("\n" if any("," in pair for pair in pairs) else ",").join(pairs)


def regions_block(regions: Mapping[str, RunningRegion]) -> str:
    """The block ``regions:`` of headrace.yaml. Values are written as JSON strings, which YAML reads as they are."""
    lines = ["regions:"]
    for id_, region in regions.items():
        lines += [
            f"  {id_}:",
            f"    name: {json.dumps(id_)}",
            "    cluster:",
            "      kind: kafka",
            f"      bootstrap: {json.dumps(region.bootstrap)}",
            f"      clusterId: {json.dumps(region.cluster_id)}",
        ]
        if region.admin:
            lines.append("      properties:")
            lines += [f"        {name}: {json.dumps(value)}" for name, value in region.admin.items()]
        lines += ["    registry:", "      kind: http", f"      url: {json.dumps(region.registry)}"]
    return "\n".join(lines) + "\n"
