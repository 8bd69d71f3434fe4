"""The one style of field names."""

from __future__ import annotations

import re
from typing import Final

_LOWER_CAMEL: Final = re.compile(r"[a-z][a-z0-9]*(?:[A-Z]{1,4}[a-z0-9]+)*[A-Z]{0,4}")


def lower_camel(name: str) -> bool:
    """Whether a name is lowerCamelCase: ``storeId``, ``soldAt``, ``sku``; short runs of capitals pass (``customerVAT``)."""
    return bool(_LOWER_CAMEL.fullmatch(name))
