"""Profiles held against each other."""
