"""`python -m lvsdr` is the program."""

from lvsdr.cli.main import program

program()
