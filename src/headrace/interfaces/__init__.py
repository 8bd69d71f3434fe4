"""What Headrace asks of the parts below it: Protocols, and the values that pass through them. No implementation."""
