"""Real parts on this machine, for development and tests: Apache Kafka, and a registry beside it."""
