"""Frozen values and the rules that need nothing but them: no I/O, no library below, no clock."""
