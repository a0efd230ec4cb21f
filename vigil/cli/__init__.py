"""The `vigil` command, one module for each group of commands. `vigil.cli.app` has them all."""


def main() -> None:
    """The entry point of the installed command."""
    from vigil.cli import app

    app.main()
