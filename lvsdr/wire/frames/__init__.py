"""Codecs for frames and packets, one module for each protocol."""
