"""lvsdr makes Linux Virtual Server direct routing boring."""

__version__ = "0.1.0"
