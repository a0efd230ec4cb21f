"""Asks a person to approve a manifest: the backfill is suspended with its numbers, and sends what was shown when it is approved."""

from __future__ import annotations

from typing import Literal

from prefect import runtime
from prefect.input import RunInput, acreate_flow_run_input, aread_flow_run_input
from prefect.logging import get_run_logger
from pydantic import Field

from flows import naming
from flows.guarding import can_ask
from flows.suspending import suspend
from vigil.safe_text import Markdown
from vigil.service.frames import About, Frame
from vigil.wording import counted

SHOWN = "manifest"  # the key under which a run notes, with itself, the manifest that it showed


class ManifestAnswer(RunInput):
    """What becomes of a backfill's manifest."""

    answer: Literal["send", "leave"] = Field(
        title="What becomes of it",
        description="send: exactly what the manifest says would be told now. leave: nothing is sent; it can be approved later.",
    )
    by: str = Field(default="", title="Your name", max_length=100, description="Kept in the run's log")


async def shown_before() -> str:
    """The manifest that this run showed before it was suspended; empty when it comes here for the first time."""
    if not can_ask():
        return ""
    return str(await aread_flow_run_input(SHOWN, flow_run_id=runtime.flow_run.id) or "")


def must_ask(manifest: Frame) -> bool:
    """Whether there is something to approve, and a UI to approve it in."""
    return can_ask() and bool(manifest["sends"].any())


async def ask(manifest: Frame) -> None:
    """Suspend the run with the numbers. It does not come back here: resumed, it starts from its top."""
    id = About.of(manifest).manifest
    await acreate_flow_run_input(SHOWN, id, flow_run_id=runtime.flow_run.id)
    await naming.ends(naming.WAITS)
    form = ManifestAnswer.with_initial_data(description=question(manifest))
    await suspend(form, f"manifest-{id}")


async def answered(manifest: str) -> ManifestAnswer:
    """What the person said whom this run asked; suspends it again while nobody did."""
    given = await suspend(ManifestAnswer, f"manifest-{manifest}")
    get_run_logger().info("manifest %s: %s, by %s", manifest, given.answer, given.by or "nobody named")
    return given


def question(manifest: Frame) -> Markdown:
    """What the person reads above the form."""
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
                "Person by person in the artifact `backfill-manifest` of this run. What is sent is what stands there, even if the "
                "data changes before you answer. `vigil backfill --approve {}` sends it, too."
            ).format(about.manifest),
        ]
    )
