"""Asks a person about notices that a guard holds: suspends the run, which starts again from its beginning after the answer.

docs/decisions/0007-guards-suspend.md explains why runs are suspended and not paused.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas import State
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext
from prefect.input import RunInput
from pydantic import Field

from flows.support import artifacts, events, run_names, tasks
from flows.support.run_context import opened
from flows.support.sites import block_of, ledger_of
from flows.support.states import Ending, Named, ended
from flows.support.suspending import suspend
from vigil.ledger import Ledger
from vigil.ledger.observed import observations
from vigil.ledger.outbox import queue
from vigil.ledger.outbox.guard_holds import WAITING, GuardHold
from vigil.safe_text import Markdown
from vigil.service import guards
from vigil.service.reports import frames
from vigil.service.reports.frames import About
from vigil.service.run import Run
from vigil.wording import counted, instant

HELD = ("name", "why", "person", "title", "step")
"""Columns of the table of held notices."""


class GuardAnswer(RunInput):
    """A person's answer about the notices that a rule's guard holds."""

    answer: Literal["send", "drop"] = Field(
        title="Answer",
        description="send: sends exactly the held notices now. drop: never sends them; the ledger records the decision.",
    )
    by: str = Field(
        default="", title="Your name", max_length=100, description="Stored in the ledger with the answer"
    )


def can_ask() -> bool:
    """Whether this run can wait for an answer: only a deployment's run can be suspended.

    Reads the run's context, because `prefect.runtime.deployment` calls the API each time for a run without a deployment.
    """
    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None and context.flow_run.deployment_id is not None


async def resumed(site: str) -> bool:
    """Whether this run asked before, and was resumed with the answer."""
    return can_ask() and guards.asked(ledger_of(await block_of(site)), str(runtime.flow_run.id))


def must_ask(run: Run) -> bool:
    """Whether a guard hold waits for an answer, and this run can ask for it."""
    return can_ask() and guards.unasked(run.ledger)


async def ask(site: str, as_of: datetime | None) -> Ending:
    """Ask about each guard hold that waits, one after another, and carry out the answers.

    Suspends the run at the first question without an answer; after the answer the run starts again and reaches this function again.
    """
    block = await block_of(site)
    ledger, zone = ledger_of(block), block.site().zone
    ending = Ending("no guard waits for an answer any more", "answered", Named.ANSWERED)
    for hold in guards.take_questions(ledger, str(runtime.flow_run.id)):
        if hold.state == WAITING:
            key = f"guard-{hold.id}"
            await _show(ledger, site, hold, zone)
            await run_names.ends(run_names.WAITS)
            form = GuardAnswer.with_initial_data(description=question(hold, zone))
            given = await suspend(form, key)
            ending = await answer(site, hold.id, given.answer == "send", given.by, as_of)
    return ending


def question(hold: GuardHold, zone: str) -> Markdown:
    """The text above the form. Instants are in `zone`, the site's."""
    return Markdown(
        "**The guard of rule {rule} holds {notices}** about {findings} on {some:,} of {all}:\n\n{reasons}\n\n"
        "The other notices of this run were sent. The artifact `guard-{id}` of this run lists the held ones, with links. "
        "Without an answer by {until} they are not sent."
    ).format(
        rule=hold.rule,
        notices=counted(hold.notices, "notice"),
        findings=counted(hold.findings, "finding"),
        some=hold.workspaces,
        all=counted(hold.known, "workspace"),
        reasons=Markdown("\n").join(Markdown("- {}").format(r) for r in hold.reasons),
        id=hold.id,
        until=instant(hold.until, zone),
    )


async def _show(ledger: Ledger, site: str, hold: GuardHold, zone: str) -> None:
    with ledger.read() as connection:
        rows = [r for r in queue.rows(connection, run=hold.run, rule=hold.rule) if r["reason"] == guards.HELD]
        names = observations.names(connection, {r["workspace"] for r in rows})
    held = frames.notices(rows, names, About(site, zone, run=hold.run))
    await artifacts.table(f"guard-{hold.id}", held, HELD, f"Held by the guard of {hold.rule}")


async def answer(site: str, hold: int, send: bool, by: str, as_of: datetime | None) -> Ending:
    """Send exactly the notices of a guard hold, once, or drop them."""
    async with opened("guard", site, as_of, reads=False) as run:
        done, count = guards.answer(run, hold, send, by)
        await tasks.deliver(run)
        made = await tasks.account(run)
    events.of_hold(site, done, events.Signal.ANSWERED)
    if not count:
        said = f"guard {hold} of {done.rule} was {done.state} before: this run changed nothing"
        return ended(made, said, result=f"guard {hold} was answered before")
    held = counted(count, "notice")
    said = f"guard {hold} of {done.rule}: {held} {'queued' if send else 'dropped'}"
    short, holes = "" if send else f"guard {hold}: {held} dropped", guards.gaps_of(run.ledger, done)
    ending = ended(made, said, data=frames.of_account(run, made), holes=holes, result=short)
    return ending if send or not ending.whole else replace(ending, name=Named.DROPPED)


async def expire(run: Run) -> None:
    """Expire the questions whose time is over: in the ledger, by an event, and on the run that asked."""
    for hold in guards.expire(run):
        events.of_hold(run.site.name, hold, events.Signal.EXPIRED)
        if hold.flow_run:
            await _end_question(hold, run.site.zone)


async def _end_question(hold: GuardHold, zone: str) -> None:
    said = (
        f"nobody answered by {instant(hold.until, zone)}: {counted(hold.notices, 'notice')} of {hold.rule} will not be sent. "
        f"`vigil guard approve {hold.id}` still sends them"
    )
    async with get_client() as client:
        run = await client.read_flow_run(hold.flow_run)  # type: ignore[arg-type]
        if run.state is not None and run.state.is_paused():
            state: State[Any] = State(type=StateType.CANCELLED, name="Unanswered", message=said)
            await client.set_flow_run_state(run.id, state, force=True)
            await run_names.rename(
                client, run, f"{run_names.head_of(run)}{run_names.BEFORE_RESULT}nobody answered"
            )
