"""Prints what pyproject.toml wants for building the wheel, a line each: `make lock` pins it with hashes in constraints-build.txt."""

import tomllib
from pathlib import Path

for requirement in tomllib.loads(Path("pyproject.toml").read_text())["build-system"]["requires"]:
    print(requirement)
