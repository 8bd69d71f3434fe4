"""Schemas made to hurt have an answer or a clear error: in a second, within bounded memory, without the network."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.soundness.hostile import CASES

ROOT = Path(__file__).parents[2]
SECONDS = 1.0
"""Of the processor, for each: what else the machine does is not measured."""
MEGABYTES = 1_500
"""Address space that the process may take in all, interpreter and libraries included."""

PROGRAM = f"""
import json, resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_AS, ({MEGABYTES} << 20, {MEGABYTES} << 20))
from headrace.catalogue.compatibility.checker import check_history, check_pair
from headrace.errors import InvalidSchema
from headrace.model.schema import Compatibility, SchemaFormat, SchemaText
from tests.soundness.hostile import CASES, texts

def refuse(*arguments, **keywords):
    raise AssertionError("the network was asked for")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse

def answered(check):
    start = time.process_time()
    try:
        found = check()
        answer, text = found.semantic.value, ""
    except InvalidSchema as error:
        answer, text = "refused", str(error)
    return answer, text, time.process_time() - start

out = {{}}
for name in CASES:
    old, new = (SchemaText(SchemaFormat.JSON_SCHEMA, text) for text in texts(name))
    out[name] = answered(lambda: check_pair(old, new, Compatibility.BACKWARD, witness=False))

def version(number):
    fields = {{f"field{{n}}": {{"type": "string", "maxLength": 20}} for n in range(60 + number)}}
    return SchemaText(SchemaFormat.JSON_SCHEMA, json.dumps({{"type": "object", "properties": fields}}))

history = [version(n) for n in range(50)]
mode = Compatibility.FORWARD_TRANSITIVE
out["50 versions"] = answered(lambda: check_history(version(50), history, mode, witness=False))
print(json.dumps(out))
"""


@cache
def answers() -> dict[str, Any]:
    run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr[-2000:]
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.mark.parametrize("name", [*CASES, "50 versions"])
def test_a_hostile_schema_is_answered_in_a_second(name: str) -> None:
    """The answer is one that may be, or a refusal with a reason in words, and takes a second of the processor at most."""
    answer, text, seconds = answers()[name]
    allowed = CASES[name][1] if name in CASES else ("safe",)
    assert answer in allowed
    assert answer != "refused" or len(text) > 20
    assert seconds < SECONDS
