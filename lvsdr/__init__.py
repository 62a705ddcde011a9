"""lvsdr makes Linux Virtual Server direct routing boring."""

__version__ = "0.2.0"
