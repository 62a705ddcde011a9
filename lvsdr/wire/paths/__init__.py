"""Probes that take the path of a client's request, and what the replies to them say."""
