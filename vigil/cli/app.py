"""The `vigil` command. EXIT_CODES lists its exit codes, which the help shows."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from typer.main import get_command

from vigil import logs, places, stopping
from vigil.cli.connect import connect
from vigil.cli.devices import devices
from vigil.cli.options import (
    SHIPPED,
    Demo,
    LedgerUrl,
    SiteName,
    SiteOfLedger,
    Templates,
    instant,
    length,
    open_ledger,
)
from vigil.cli.output import Csv, Excel, Json, Output
from vigil.cli.project import project
from vigil.cli.rules import rules
from vigil.errors import BadInput, BadRequest, VigilError
from vigil.terminal import console, errors

EXIT_CODES = """Exit codes: 0 done, no problem found; 1 done, with a problem (in a rule, a failed check, a guard that waits for an
answer, data that could not be read, a notice that could not be delivered); 2 refused: wrong usage, a malformed file, or a name that
does not exist; 3 a required system failed or cannot be reached (Extended ECM, Firebase, the ledger, Prefect);
130 stopped by Ctrl-C; 143 stopped by SIGTERM."""

app = typer.Typer(
    name="vigil",
    help="Notifies the right person, on the right device, once, of changes in Extended ECM business workspaces.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from vigil.version import package

        console.print(f"vigil {package()['version']}", highlight=False)
        raise typer.Exit


@app.callback()
def vigil(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit")
    ] = False,
) -> None:
    pass


app.command()(connect)
app.command()(project)
app.add_typer(rules)
app.add_typer(devices, name="devices")


@app.command("run-estate")
def run_estate(
    estate: Annotated[Path, typer.Argument(help="Folder of the estate", exists=True, file_okay=False)],
    rules: Annotated[Path, typer.Option(help="Folder or file of the rules", exists=True)],
    from_: Annotated[datetime, typer.Option("--from", parser=instant, metavar="TIME", help="First tick")],
    to: Annotated[datetime, typer.Option(parser=instant, metavar="TIME", help="Last tick")],
    out: Annotated[Path, typer.Option(help="File to write, one JSON line for each person")],
    templates: Templates,
    every: Annotated[
        timedelta, typer.Option(parser=length, metavar="LENGTH", help="Time between two ticks")
    ] = "15m",  # type: ignore[assignment]
    ledger: Annotated[
        str | None,
        typer.Option(
            help="Ledger URL; by default a temporary ledger. A stopped run continues with the ledger that it used"
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress")] = False,
) -> None:
    """Run the real flows over an estate in the sandbox, on a moving clock, and write the notices of each person."""
    from vigil.replay.command import replay_estate

    if to < from_:
        raise typer.BadParameter(f"--to {to.isoformat()} is before --from {from_.isoformat()}")
    raise typer.Exit(
        replay_estate(estate, rules, templates, from_, to, every, out, ledger, None if quiet else errors)
    )


@app.command()
def demo(
    folder: Annotated[
        Path,
        typer.Option(
            help="Folder for the estate and the ledger; the command empties it first",
            default_factory=places.demo,
            show_default="demo, in the folder that Vigil writes into",
        ),
    ],
    seed: Annotated[int, typer.Option(help="Seed of the random background activity")] = 7,
) -> None:
    """Run the flows over an invented week of contracts, cases, projects and permits, and list each notice with its reason."""
    from vigil.replay.demo import play_demo

    told = play_demo(folder, places.rules(), places.templates(), console, seed)
    raise typer.Exit(0 if told else 1)


@app.command()
def sandbox(
    estate: Annotated[
        Path | None,
        typer.Option(help="Folder of the estate; by default the demo's", exists=True, file_okay=False),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            parser=instant,
            metavar="TIME",
            help="The sandbox's time until its clock is moved; by default the start of the estate, and for the demo's estate this "
            "machine's time, after the demo's week",
        ),
    ] = None,
    recorded: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a recording (`vigil record`) to play, in place of an estate",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    ecm_port: Annotated[int, typer.Option(help="Port of Extended ECM; 0 for any free port")] = 0,
    fcm_port: Annotated[int, typer.Option(help="Port of FCM; 0 for any free port")] = 0,
    dialect: Annotated[
        str | None,
        typer.Option(
            help="The version of Extended ECM that is played: 2016, 2019, ce23, strict or poor; by default ce23"
        ),
    ] = None,
) -> None:
    """Serve simulators of Extended ECM and FCM on loopback, and print a line of JSON: the addresses of both, the key file of a
    Firebase service account, a CSV file of all devices for `vigil devices import`, and the address of the sandbox's controls.

    The command writes the demo's estate, the key and the devices into Vigil's data folder. docs/first-day.md.
    """
    from vigil.sandbox.dialects import DIALECTS
    from vigil.sandbox.server import Options, serve, serve_demo, serve_recorded

    if dialect is not None and dialect not in DIALECTS:
        raise typer.BadParameter(f"{dialect!r} is none of {', '.join(DIALECTS)}", param_hint="--dialect")
    faults = {"dialect": dialect} if dialect else None
    if recorded is not None:
        if estate or at or dialect:
            raise typer.BadParameter(
                "a recording has an estate, a time and a dialect of its own: leave out --estate, --at and --dialect",
                param_hint="--recorded",
            )
        number = serve_recorded(recorded, ecm_port, fcm_port)
    elif estate is None:
        number = serve_demo(places.made(places.sandbox()), at, ecm_port, fcm_port, faults)
    else:
        number = serve(Options(estate, ecm_port, fcm_port, at, faults))
    if number is not None:
        stopping.came(number)


@app.command()
def record(
    folder: Annotated[Path, typer.Argument(help="Folder to write into: empty, or made now", file_okay=False)],
    site: SiteName = "default",
    ledger: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Ledger of the reading; by default a temporary one, so that everything is read. A second reading with the same "
            "ledger reads what changed",
        ),
    ] = None,
    append: Annotated[bool, typer.Option("--append", help="Add to the recording in the folder")] = False,
    starts: Annotated[
        int,
        typer.Option(
            min=1,
            max=40,
            help="Number of characters at the start of each text that are exchanged one by one, so that names with the same start "
            "still have it; more where lists are cut off and Vigil reads them by the starts of names",
        ),
    ] = 3,
) -> None:
    """Record what Extended ECM answers to a dry sweep, with names, texts, logins and hosts replaced, to send a case that fails.

    Sends no notice, and leaves the site's ledger alone. docs/recording.md.
    """
    from vigil.cli.record import Wanted, record_site

    raise typer.Exit(record_site(Wanted(folder, site, ledger, append, starts), console))


@app.command()
def watch(
    site: SiteName = "default",
    as_of: Annotated[
        datetime | None,
        typer.Option(parser=instant, metavar="TIME", help="Evaluate as of this instant; by default now"),
    ] = None,
    accept_fewer: Annotated[
        bool, typer.Option("--accept-fewer", help="Accept that most of the known workspaces are deleted")
    ] = False,
) -> None:
    """Run watch once in this process, without a worker: read what changed, evaluate what is due, send notices. Prints the state and
    the account.

    Exit code 0 means the state Completed.
    """
    from vigil.cli import runs

    raise typer.Exit(runs.watch(site, as_of, accept_fewer, console))


@app.command()
def sweep(
    site: SiteName = "default",
    type: Annotated[list[str] | None, typer.Option(help="Only workspaces of this type; repeatable")] = None,
    rule: Annotated[list[str] | None, typer.Option(help="Only this rule; repeatable")] = None,
    workspace: Annotated[list[int] | None, typer.Option(help="Only this workspace; repeatable")] = None,
    name: Annotated[str, typer.Option(help="Only workspaces whose name contains this text")] = "",
    send: Annotated[bool, typer.Option("--send", help="Send the notices; by default only show them")] = False,
    csv: Csv = "",
    json: Json = False,
    excel: Excel = "",
) -> None:
    """Evaluate every rule for a scope now, and show the findings. docs/tables.md describes the columns."""
    output = Output(csv, json, excel)
    from vigil.cli import runs

    scope = {
        "types": type or [],
        "rules": rule or [],
        "workspaces": workspace or [],
        "name_contains": name,
        "dry_run": not send,
    }
    raise typer.Exit(runs.sweep(site, scope, console, output))


@app.command()
def backfill(
    site: SiteName = "default",
    from_: Annotated[
        datetime | None,
        typer.Option("--from", parser=instant, metavar="TIME", help="Start of the window, exclusive"),
    ] = None,
    to: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="TIME", help="End of the window, inclusive")
    ] = None,
    approve: Annotated[str, typer.Option(help="Send the notices of the manifest with this id")] = "",
    csv: Csv = "",
    json: Json = False,
    excel: Excel = "",
) -> None:
    """List what a past window should have sent, beside what was sent; --approve sends the list.

    docs/tables.md describes the columns.
    """
    output = Output(csv, json, excel)
    from vigil.cli import runs

    if not approve and (from_ is None or to is None):
        raise typer.BadParameter("give --from and --to, or --approve with the id of a manifest")
    raise typer.Exit(runs.backfill(site, from_, to, approve, console, output))


@app.command()
def doctor(
    site: SiteName = "default",
    json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON")] = False,
) -> None:
    """Check everything that a run depends on, and suggest what to do. Changes nothing, notifies nobody. docs/doctor.md."""
    from vigil.cli.doctor import examine_site

    raise typer.Exit(examine_site(site, places.project(), console, as_json=json))


@app.command()
def why(
    subject: Annotated[str, typer.Argument(help="A person's login, or a workspace's id")],
    site: SiteOfLedger = None,
    ledger: LedgerUrl = None,
    demo: Demo = False,
    rules: Annotated[
        Path | None, typer.Option(help="Folder of the rules; by default the site's", exists=True)
    ] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone of Extended ECM; by default the site's")] = None,
    at: Annotated[
        datetime | None, typer.Option(parser=instant, metavar="TIME", help="Show the state of this instant")
    ] = None,
    csv: Csv = "",
    json: Json = False,
) -> None:
    """Explain why a person got a notice or did not: the data that decided, the devices, and each attempt to deliver.

    CSV contains the notices; JSON also contains their attempts and, for a workspace, the state of each rule.
    """
    output = Output(csv, json)
    from vigil.cli.why import explain

    opened, source = open_ledger(site, ledger, demo, machine=output.takes_stdout)
    told_by = rules or source.rules or places.rules()
    raise typer.Exit(
        explain(subject, opened, told_by, zone or source.zone, at, console, output, source.sensitive)
    )


@app.command()
def gateway(
    project: Annotated[
        str, typer.Option(help="The Firebase project whose ID tokens are accepted; by default the site's")
    ] = "",
    site: SiteOfLedger = None,
    ledger: LedgerUrl = None,
    demo: Demo = False,
    host: Annotated[
        str, typer.Option(help="Address to listen on; the reverse proxy provides TLS")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
    claim: Annotated[str, typer.Option(help="The custom claim that contains a person's login")] = "ecm_login",
    link_base: Annotated[
        str, typer.Option(help="Address of the gateway in people's browsers; by default the site's")
    ] = "",
    origin: Annotated[
        list[str] | None, typer.Option(help="Origin of a web app that may call from a browser; repeatable")
    ] = None,
    trusted_proxies: Annotated[
        str, typer.Option(help="Addresses whose X-Forwarded-For is trusted, separated by commas")
    ] = "",
    at_once: Annotated[
        int, typer.Option(min=1, help="Limit of connections, and of requests in progress, for one address")
    ] = 100,
    ask_devices: Annotated[
        bool,
        typer.Option(
            "--ask-devices",
            help="Let a device that changed hands prove so by a message that it receives; needs --site",
        ),
    ] = False,
    emulator: Annotated[
        bool,
        typer.Option("--emulator", help="Accept the Firebase emulator's unsigned tokens: for tests only"),
    ] = False,
    templates: Annotated[
        Path | None, typer.Option(help="Folder of the templates; by default the site's", exists=True)
    ] = None,
) -> None:
    """Serve the gateway: devices, notices, acknowledgements and preferences over HTTP. docs/gateway.md.

    VIGIL_LINK_SECRETS contains the secrets of the links in mails, separated by spaces; the last one signs. Without the variable the
    gateway uses the site's secrets; without either, mails have no links.
    """
    from vigil.gateway.command import serve

    opened, source = open_ledger(site, ledger, demo, writes=True)
    if not (project := project or source.project):
        raise typer.BadParameter("the site names no Firebase project: give it here", param_hint="--project")
    # An option would show the secrets to every `ps`.
    secrets = os.environ.get("VIGIL_LINK_SECRETS") or source.link_secrets
    if ask_devices and not (source.fcm and secrets.split()):
        missing = (
            "a site, whose service account sends the message" if source.fcm is None else "VIGIL_LINK_SECRETS"
        )
        raise typer.BadParameter(f"it needs {missing}", param_hint="--ask-devices")
    serve(
        opened,
        project,
        host,
        port,
        claim=claim,
        emulator=emulator,
        link_base=link_base or source.link_base,
        link_secrets=secrets.split(),
        origins=origin or (),
        trusted_proxies=trusted_proxies,
        at_once=at_once,
        fcm=source.fcm if ask_devices else None,
        templates=templates or source.templates or places.templates(),
    )


guards = typer.Typer(
    help="The notices that rules' guards hold: list, send or drop them.", no_args_is_help=True
)
app.add_typer(guards, name="guard")
By = Annotated[str, typer.Option(envvar="USER", help="The person who answers, for the ledger")]
Hold = Annotated[int, typer.Argument(help="Number of the guard hold, as `vigil guard list` shows it")]


@guards.command("list")
def guard_list(site: SiteOfLedger = None, ledger: LedgerUrl = None, demo: Demo = False) -> None:
    """Show the newest guard holds. Exit code 1 when one waits for an answer."""
    from vigil.cli.operate import list_guards

    opened, _ = open_ledger(site, ledger, demo)
    raise typer.Exit(1 if list_guards(opened, console) else 0)


@guards.command("approve")
def guard_approve(hold: Hold, site: SiteName = "default", by: By = "") -> None:
    """Send exactly the notices that a guard holds, once."""
    from vigil.cli.operate import answer_guard

    raise typer.Exit(answer_guard(site, hold, "send", by, console))


@guards.command("drop")
def guard_drop(hold: Hold, site: SiteName = "default", by: By = "") -> None:
    """Drop the notices that a guard holds, without sending them; the ledger records who decided it."""
    from vigil.cli.operate import answer_guard

    raise typer.Exit(answer_guard(site, hold, "drop", by, console))


automations = typer.Typer(help="The shipped Prefect automations.", no_args_is_help=True)
app.add_typer(automations, name="automations")


@automations.command("install")
def automations_install(
    folder: Annotated[
        Path,
        typer.Option(
            help="Folder of the automations",
            exists=True,
            default_factory=places.automations,
            show_default=SHIPPED,
        ),
    ],
    site: SiteName = "default",
    notify: Annotated[
        str | None, typer.Option(help="Notification block to send alerts by, such as slack-webhook/ops")
    ] = None,
) -> None:
    """Install the automations for a site. Repeated runs update them and install each only once."""
    from vigil.cli.operate import install_automations

    install_automations(folder, site, notify, console)


def main() -> NoReturn:
    """Entry point of the `vigil` script. It handles signals from its beginning to the end of the process."""
    stopping.hear()
    try:
        code = _run()
    except KeyboardInterrupt:
        code = 128 + signal.SIGINT
    code, said = stopping.over(code, _named(sys.argv[1:]))
    if said:
        errors.print(said, markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)


def _run() -> int:
    """Run the command and return its exit code. Prints expected errors. Ctrl-C and SIGTERM give any code, or KeyboardInterrupt."""
    places.add_to_path()
    logs.guard()
    try:
        code = app(standalone_mode=False)  # the code of `typer.Exit`, or None
    except typer.Abort:
        return 128 + signal.SIGINT
    except (BadInput, BadRequest) as refused:
        errors.print(str(refused), style="red", markup=False, highlight=False, soft_wrap=True)
        return 2
    except VigilError as failed:
        errors.print(str(failed), style="red", markup=False, highlight=False, soft_wrap=True)
        return 3
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # click's own: wrong usage
            error.show()
            return int(error.exit_code)
        raise
    return code if isinstance(code, int) else 0


def _named(arguments: Sequence[str]) -> str:
    """The command at the beginning of the arguments: `vigil guard approve`."""
    command, words = get_command(app), ["vigil"]
    for word in arguments:
        if word not in (below := getattr(command, "commands", {})):
            break
        command, words = below[word], [*words, word]
    return " ".join(words)
