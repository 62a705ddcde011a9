"""Probes that take the path of a request, and what their answers say."""
