"""Checks of real servers along the path of clients, asked again and again without blocking."""
