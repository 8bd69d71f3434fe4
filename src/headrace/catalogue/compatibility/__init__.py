"""Verdicts on schema changes: what the registry will answer, what is true, and who breaks."""
