"""Keepalived: what its hooks do, its configuration written and judged."""
