"""Asks a person to approve a manifest: suspends the backfill with a form, and on approval sends exactly the manifest shown."""

from __future__ import annotations

from typing import Literal

from prefect import runtime
from prefect.input import RunInput, acreate_flow_run_input, aread_flow_run_input
from prefect.logging import get_run_logger
from pydantic import Field

from flows.support import run_names
from flows.support.ask_guard import can_ask
from flows.support.suspending import suspend
from vigil.safe_text import Markdown
from vigil.service.reports.frames import About, Frame
from vigil.wording import counted

SHOWN = "manifest"  # the key of the run input that stores the id of the manifest shown


class ManifestAnswer(RunInput):
    """A person's answer about a backfill's manifest."""

    answer: Literal["send", "leave"] = Field(
        title="Answer",
        description="send: sends exactly the notices that the manifest lists as due now. leave: sends nothing; you can approve later.",
    )
    by: str = Field(default="", title="Your name", max_length=100, description="Written to the run's log")


async def shown_before() -> str:
    """The id of the manifest that this run showed before its suspension; empty if it was not suspended yet."""
    if not can_ask():
        return ""
    return str(await aread_flow_run_input(SHOWN, flow_run_id=runtime.flow_run.id) or "")


def must_ask(manifest: Frame) -> bool:
    """Whether the manifest has notices to approve, and the run can be suspended to ask."""
    return can_ask() and bool(manifest["sends"].any())


async def ask(manifest: Frame) -> None:
    """Suspend the run with a form. The call does not return: a resumed run starts from its beginning."""
    id = About.of(manifest).manifest
    await acreate_flow_run_input(SHOWN, id, flow_run_id=runtime.flow_run.id)
    await run_names.ends(run_names.WAITS)
    form = ManifestAnswer.with_initial_data(description=question(manifest))
    await suspend(form, f"manifest-{id}")


async def answered(manifest: str) -> ManifestAnswer:
    """The person's answer to this run's question; suspends the run again if there is none."""
    given = await suspend(ManifestAnswer, f"manifest-{manifest}")
    get_run_logger().info("manifest %s: %s, by %s", manifest, given.answer, given.by or "no name given")
    return given


def question(manifest: Frame) -> Markdown:
    """The text above the form."""
    about, sends = About.of(manifest), manifest[manifest["sends"]]
    notices = counted(len(sends), "notice")
    people = counted(sends["person"].nunique(), "person", "people")
    return Markdown("\n").join(
        [
            Markdown("**{} to {} would be sent now.**").format(notices, people),
            "",
            Markdown("In all: {}.").format(about.said),
            "",
            *(Markdown("- {}: {}").format(rule, n) for rule, n in sends.groupby("rule").size().items()),
            "",
            Markdown(
                "The artifact `backfill-manifest` of this run lists them by person. Exactly these notices are sent, even if the "
                "data changes before you answer. `vigil backfill --approve {}` also sends them."
            ).format(about.manifest),
        ]
    )
