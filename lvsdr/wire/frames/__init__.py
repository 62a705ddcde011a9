"""Packets and frames, encoded and decoded: a module a protocol."""
