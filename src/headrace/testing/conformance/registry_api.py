"""What every server of Confluent's registry REST API answers, as tests: raw requests, and confluent-kafka's client.

A test module inherits `RegistryApiConformance` and gives one fixture, ``api``: an `Api` on the server under test, which has a
compatibility checker and nobody else who changes its own level and mode. What a server answers otherwise than Confluent's
is listed there by the names in `DIFFERENCES`.
"""

from __future__ import annotations

from headrace.testing.conformance.registry_api_changing import (
    CompatibilityConformance,
    DeletionConformance,
    SettingsConformance,
)
from headrace.testing.conformance.registry_api_clients import ClientConformance
from headrace.testing.conformance.registry_api_reading import ReadingConformance
from headrace.testing.conformance.registry_api_support import DIFFERENCES, Api, Told, fields_checker

__all__ = ["DIFFERENCES", "Api", "RegistryApiConformance", "Told", "fields_checker"]


class RegistryApiConformance(
    ReadingConformance, CompatibilityConformance, DeletionConformance, SettingsConformance, ClientConformance
):
    """All of it."""
