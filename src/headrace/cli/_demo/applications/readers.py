"""Applications that only consume."""

from __future__ import annotations

from headrace.cli._demo.program import Events, Program


def mobile_replenishment(program: Program) -> None:
    """Lists for the people in the store what to order; what is not whole cases can't be ordered, and is rejected."""
    expected: dict[tuple[str, str, str], float] = {}

    def on_forecasts(batch: Events) -> None:
        for event in batch:
            expected[event.tenant, event.data["storeId"], event.data["productId"]] = event.data["quantity"]
        program.findings["articles with a forecast"] = len(expected)

    def on_orders(batch: Events) -> None:
        for event in batch:
            quantity, case_pack = event.data["quantity"], event.data.get("casePack", 1)
            if quantity % case_pack:
                event.reject(f"{quantity} pieces are not whole cases of {case_pack}")
            else:
                program.count("cases listed to order", quantity // case_pack)

    program.consume("demand-forecasts", ["DemandForecastIssued"], "shelf-labels", on_forecasts)
    program.consume("order-proposals", ["OrderProposalCreated"], "order-lists", on_orders)


def category_management(program: Program) -> None:
    """Keeps, from the state products, what stands where now."""
    standing: set[tuple[str, bytes | None]] = set()
    facings: dict[tuple[str, bytes | None], int] = {}

    def on_state(batch: Events) -> None:
        for event in batch:
            if event.deleted:
                standing.discard((event.topic, event.key))
            else:
                standing.add((event.topic, event.key))
        program.findings["promotions and places known now"] = len(standing)

    def on_planograms(batch: Events) -> None:
        for event in batch:
            now = sum(p["facings"] for shelf in event.data["shelves"] for p in shelf["positions"])
            program.count("facings in planograms", now - facings.get((event.topic, event.key), 0))
            facings[event.topic, event.key] = now

    def on_forecasts(batch: Events) -> None:
        program.count("forecasts looked at", len(batch))

    program.consume("promotions", ["PromotionScheduled"], "promotions", on_state)
    program.consume("location-space", ["LocationSpaceAssigned"], "location-space", on_state)
    program.consume("planograms", ["PlanogramPublished"], "planograms", on_planograms)
    program.consume("demand-forecasts", ["DemandForecastIssued"], "forecasts", on_forecasts)
