"""Headrace: streaming data products for retail planning, on Apache Kafka."""
