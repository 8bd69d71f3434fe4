"""The pytest plugin of `headrace.testing`."""
