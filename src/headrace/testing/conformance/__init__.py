"""One suite of tests per interface: an adapter supplies fixtures and inherits every test."""
