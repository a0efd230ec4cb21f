"""``python -m vigil.sandbox --estate DIR``: what `vigil sandbox` does, without the rest of Vigil.

Exit codes: 0 stopped, 2 wrong arguments, 3 the estate was refused (each problem on a line of stderr), 4 a port is taken.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import orjson

from vigil.errors import BadInput
from vigil.sandbox.dialects import DEFAULT, DIALECTS
from vigil.sandbox.json_lines import instant
from vigil.sandbox.server import Options, serve


def main(arguments: list[str] | None = None) -> int:
    """Parse, serve, and give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m vigil.sandbox", description="Loopback Extended ECM and FCM."
    )
    parser.add_argument("--estate", required=True, type=Path, help="folder of the estate (docs/estates.md)")
    parser.add_argument(
        "--ecm-port", type=int, default=0, help="port of the simulated ECM; 0: any that is free"
    )
    parser.add_argument(
        "--fcm-port", type=int, default=0, help="port of the simulated FCM; 0: any that is free"
    )
    parser.add_argument(
        "--start", help="where the clock stands at first, RFC 3339; the estate's start otherwise"
    )
    parser.add_argument(
        "--faults", help='JSON as POST /sandbox/faults takes it under "ecm", such as {"latency_ms": 50}'
    )
    parser.add_argument(
        "--dialect", help=f"the server's dialect: {', '.join(DIALECTS)}; {DEFAULT} by default"
    )
    parser.add_argument(
        "--log-requests",
        type=Path,
        help="file to which each request to the simulated ECM is appended as JSON",
    )
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when standard input ends")
    given = parser.parse_args(arguments)
    start = instant(given.start) if given.start else None
    if isinstance(start, str):
        parser.error(f"--start: {start}")
    try:
        faults = orjson.loads(given.faults) if given.faults else {}
        if given.dialect:
            faults = {"dialect": given.dialect, **faults}
        options = Options(
            given.estate, given.ecm_port, given.fcm_port, start, faults, given.until_stdin_closes,
            log_requests=given.log_requests,
        )  # fmt: skip
        serve(options)
    except BadInput as refused:
        print(refused, file=sys.stderr)
        return 3
    except ValueError as error:  # of --faults, whose JSON errors are ValueErrors too
        parser.error(str(error))
    except OSError as error:
        print(f"the sandbox cannot listen: {error}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main())
