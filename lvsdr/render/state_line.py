"""A line for people that ends with a state, which is coloured where there are colours."""

from __future__ import annotations


class StateLine(str):
    """A line that ends with `told`: what is to be said of `state`, one of those of a row."""

    __slots__ = ("state", "told")

    state: str
    told: str

    def __new__(cls, start: str, state: str, told: str) -> StateLine:
        line = super().__new__(cls, f"{start}{told}")
        line.state, line.told = state, told
        return line


def indented(line: str) -> str:
    """Return a line two columns further in; its state stays known."""
    if isinstance(line, StateLine):
        return StateLine(f"  {line.removesuffix(line.told)}", line.state, line.told)
    return f"  {line}"
