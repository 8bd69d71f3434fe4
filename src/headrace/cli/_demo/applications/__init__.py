"""The demo's applications, as a team would write them: what each publishes, and what it makes of what it is sent.

Each is a function that registers handlers on its program, and returns what publishes a week of its own input (None: it only
answers to events). Handlers read the paths that the catalogue declares for their application, and no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from headrace.cli._demo.applications.inbound import data_api, sap_connector
from headrace.cli._demo.applications.offers import promo_pricing, store
from headrace.cli._demo.applications.planner import plan
from headrace.cli._demo.applications.readers import category_management, mobile_replenishment
from headrace.cli._demo.program import Program, PublishWeek

APPLICATIONS: Mapping[str, Callable[[Program], PublishWeek | None]] = {
    "data-api": data_api,
    "promo-pricing": promo_pricing,
    "store": store,
    "sap-connector": sap_connector,
    "plan": plan,
    "mobile-replenishment": mobile_replenishment,
    "category-management": category_management,
}
