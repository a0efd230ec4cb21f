"""`vigil devices`: manages the registry of devices, and the topics of people."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from vigil.cli.options import Demo, LedgerUrl, SiteName, SiteOfLedger, open_ledger
from vigil.cli.output import Csv, Json, Output
from vigil.terminal import console
from vigil.wording import counted

devices = typer.Typer(help="The registry of devices. No command shows an address.", no_args_is_help=True)
topics = typer.Typer(
    help="The topics of people. The next `watch`, or `sync`, updates the subscriptions of their devices.",
    no_args_is_help=True,
)
devices.add_typer(topics, name="topics")

Topic = Annotated[str, typer.Argument(help="Name of the topic, without /topics/")]
People = Annotated[list[str], typer.Argument(help="Logins")]


@devices.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="CSV with person, address, platform", exists=True, dir_okay=False)
    ],
    site: SiteOfLedger = None,
    ledger: LedgerUrl = None,
    demo: Demo = False,
) -> None:
    """Register the devices of a CSV file: all of them, or none if a line is invalid."""
    from vigil.delivery.device_csv import read_devices
    from vigil.ledger.people.devices import register

    found = read_devices(file)
    opened, _ = open_ledger(site, ledger, demo, writes=True)
    with opened.write() as connection:
        count = register(connection, found, datetime.now(UTC))
    console.print(f"{counted(count, 'device')} registered")


@devices.command("list")
def devices_list(
    person: Annotated[str, typer.Option(help="Only the devices of this login")] = "",
    site: SiteOfLedger = None,
    ledger: LedgerUrl = None,
    demo: Demo = False,
    csv: Csv = "",
    json: Json = False,
) -> None:
    """List the registered devices: their person, since when, the last refresh, and why some are retired. docs/tables.md."""
    output = Output(csv, json)
    from vigil.cli import printing
    from vigil.ledger.people.devices import every
    from vigil.service.reports.frames import About, device_list

    opened, source = open_ledger(site, ledger, demo, machine=output.takes_stdout)
    with opened.read() as connection:
        rows = every(connection, person or None)
    found = device_list(rows, About(site=source.site, zone="UTC", said=counted(len(rows), "device")))
    if output.for_people:
        printing.show(console, found, printing.DEVICES, "Devices")
    output.write(found)


@topics.command("list")
def list_(site: SiteOfLedger = None, ledger: LedgerUrl = None, demo: Demo = False) -> None:
    """List every topic: its people, and the number of their devices that are subscribed, pending, or refused by FCM."""
    from vigil.ledger.people.topics import every

    opened, _ = open_ledger(site, ledger, demo)
    with opened.read() as connection:
        found = every(connection)
    table = Table(title="Topics", title_justify="left")
    for column in ("topic", "people", "subscribed", "pending", "refused"):
        table.add_column(column)
    for t in found:
        refused = ", ".join(f"{n} {word}" for word, n in t.refused.items())
        table.add_row(t.name, ", ".join(t.people), str(t.subscribed), str(t.waiting), refused)
    console.print(table if found else "There are no topics.")


@topics.command()
def add(
    topic: Topic,
    people: People,
    site: SiteOfLedger = None,
    ledger: LedgerUrl = None,
    demo: Demo = False,
) -> None:
    """Give people a topic, on all their present and future devices."""
    from vigil.ledger.people.topics import join

    name = _named(topic)
    opened, _ = open_ledger(site, ledger, demo, writes=True)
    with opened.write() as connection:
        count = join(connection, name, people, datetime.now(UTC))
    console.print(f"{counted(count, 'person has', 'people have')} been added to {name}", highlight=False)


@topics.command()
def remove(
    topic: Topic,
    people: People,
    site: SiteOfLedger = None,
    ledger: LedgerUrl = None,
    demo: Demo = False,
) -> None:
    """Take a topic away from people."""
    from vigil.ledger.people.topics import leave

    name = _named(topic)
    opened, _ = open_ledger(site, ledger, demo)
    with opened.write() as connection:
        count = leave(connection, people, name)
    console.print(f"{counted(count, 'person has', 'people have')} been removed from {name}", highlight=False)


@topics.command()
def sync(site: SiteName = "default") -> None:
    """Update the subscriptions at FCM now. Otherwise the next `watch` does."""
    from vigil.cli.operate import sync_topics

    sync_topics(site, console)


def _named(topic: str) -> str:
    from vigil.delivery.push.topics import topic_name

    try:
        return topic_name(topic)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None
