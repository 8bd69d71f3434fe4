"""Rules about batch products."""

from __future__ import annotations

import re
from typing import Final

from headrace.catalogue.checking import RULES, Checking, Declared, Findings, getattr_or_none
from headrace.catalogue.codes import Code
from headrace.catalogue.documents import BatchDocument
from headrace.catalogue.findings import Finding
from headrace.catalogue.suggest import did_you_mean

_PLACEHOLDERS: Final = ("tenant", "date", "time")


@RULES.about("batch")
def columns_are_unique(_: Checking, product: Declared[BatchDocument]) -> Findings:
    seen: set[str] = set()
    for index, column in enumerate(product.document.columns):
        name = getattr_or_none(column, "name")
        if name in seen:
            yield Finding(Code.COLUMN_TWICE, f"the column '{name}' is declared twice", path=("columns", index, "name"))
        elif name is not None:
            seen.add(name)


@RULES.about("batch")
def files_are_told_apart(_: Checking, product: Declared[BatchDocument]) -> Findings:
    """By tenant, so that one never reads another's; by day or time, so that a file never replaces an older one."""
    files = product.document.files
    used = re.findall(r"\{([^{}]*)\}", files)
    for name in used:
        if name not in _PLACEHOLDERS:
            yield Finding(
                Code.FILES_PATTERN, f"{{{name}}} is unknown in files", did_you_mean(name, _PLACEHOLDERS), ("files",)
            )
            return
    if files.startswith("/") or ".." in files.split("/") or not files.endswith(".csv"):
        yield Finding(Code.FILES_PATTERN, f"'{files}' is no relative path to a .csv", path=("files",))
    elif "tenant" not in used or not {"date", "time"} & set(used):
        yield Finding(Code.FILES_PATTERN, f"'{files}' does not tell tenants and days apart", path=("files",))
