"""`python -m lvsdr` is the program."""

from lvsdr.cli.main import main

main()
