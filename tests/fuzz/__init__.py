"""Fuzzers and strategies for the long runs; pytest collects nothing here."""
