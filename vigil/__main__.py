"""`python -m vigil`: the same as the `vigil` command."""

from vigil.cli.app import main

main()
