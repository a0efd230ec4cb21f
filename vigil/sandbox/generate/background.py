"""Background activity from a seed: typical workspaces, and a sequence of events in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from vigil.sandbox.generate.builder import EstateBuilder
from vigil.sandbox.generate.scenarios import case, contract, permit, project

_FIRMS = ("Albers", "Brandt", "Colombo", "Dietz", "Esposito", "Falk", "Greco", "Hartmann", "Ivanov", "Jensen")
_THINGS = (
    "Pumps",
    "Cables",
    "Paint",
    "Guards",
    "Freight",
    "Software",
    "Training",
    "Tools",
    "Waste",
    "Boilers",
)
_PLACES = (
    "Werk Nord",
    "Werk West",
    "Hall 1",
    "Hall 7",
    "Gate 3",
    "Quay 2",
    "Yard",
    "Tower",
    "Depot",
    "Bridge 9",
)
_BUYERS = ("ada.berg", "bruno.conti", "clara.hughes")
_MANAGERS = ("jonas.wolf", "kim.park", "luca.ferri")
_FIELD = ("mona.adler", "nils.ek", "olga.silva")
_ENGINEERS = ("rosa.marini", "sven.holm", "tara.singh", "udo.kraus")
_REMARKS = (
    "Called, nobody there.",
    "Waiting for the supplier.",
    "Looks good to me.",
    "Numbers differ from the offer.",
)

# What is filed, the step that is done, the attribute that moves (with its values) and who works on it.
_CONTENT = {
    "Contract": ("Correspondence", "Draft", "Invoice"),
    "Customer case": ("Correspondence", "Customer statement", "Evidence"),
    "Project": ("Drawing", "Minutes", "Inspection"),
    "Permit": ("Correspondence", "Site photo", "Measurement"),
}
_STEP = {
    "Contract": "Check the invoice",
    "Customer case": "Call the customer",
    "Project": "Check the plan",
    "Permit": "Read the meter",
}
_ATTRIBUTE = {
    "Contract": ("Contract.value", (24_000, 36_000, 51_000, 78_000)),
    "Customer case": ("Case.priority", ("low", "normal", "high")),
    "Project": ("Project.budget", (120_000, 150_000, 210_000)),
    "Permit": ("Permit.authority", ("District office", "Town hall", "Harbour office")),
}


@dataclass(frozen=True, slots=True)
class StagedWorkspace:
    """A workspace with its people, and a document in it."""

    type: str
    id: int
    people: tuple[str, ...]
    document: int


def open_place(c: EstateBuilder, random: Random, n: int) -> StagedWorkspace:
    """Create the n-th workspace: the four types in turn, complete, with no date near."""
    thing, firm, place = random.choice(_THINGS), random.choice(_FIRMS), random.choice(_PLACES)
    age, far = random.randint(30, 400), c.day(random.randint(150, 700))
    people: tuple[str, ...]
    match n % 4:
        case 0:
            buyer = random.choice(_BUYERS)
            id_, people = contract(c, f"{thing} {n:03}, {firm} GmbH", "active", far, buyer, age=age), (buyer,)
        case 1:
            manager, field = random.choice(_MANAGERS), random.choice(_FIELD)
            id_ = case(
                c, f"Complaint about {thing.lower()} {n:03}, {firm}", "normal", manager, [field], age=age
            )
            people = (manager, field)
        case 2:
            people = tuple(random.sample(_ENGINEERS, 3))
            id_ = project(c, f"{thing} for {place} {n:03}", far, people[0], list(people[1:]), age=age)
        case _:
            people = (random.choice(_ENGINEERS), "vera.lang")
            id_ = permit(c, f"{thing} {n:03}, {place}", "granted", far, people[0], age=age)
    type_ = ("Contract", "Customer case", "Project", "Permit")[n % 4]
    document = c.document(c.at(-age + 4, "10:20"), id_, f"{thing}, notes.docx", "Correspondence", people[0])
    return StagedWorkspace(type_, id_, people, document)


def work(c: EstateBuilder, random: Random, place: StagedWorkspace, day: int) -> None:
    """One activity in office hours of a day. It gives one event, or two for a completed step."""
    happens: Callable[[EstateBuilder, Random, StagedWorkspace, int], None] = random.choices(
        (_files, _edits, _changes, _remarks, _finishes), weights=(20, 30, 15, 25, 10)
    )[0]
    happens(c, random, place, day)


def remark(c: EstateBuilder, random: Random, place: StagedWorkspace, day: int) -> None:
    """A comment: exactly one event."""
    _remarks(c, random, place, day)


def _clock(random: Random, first: int, last: int) -> str:
    return f"{random.randint(first, last):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}"


def _files(c: EstateBuilder, random: Random, place: StagedWorkspace, day: int) -> None:
    type_, by = random.choice(_CONTENT[place.type]), random.choice(place.people)
    c.document(
        c.at(day, _clock(random, 8, 17)), place.id, f"{type_} {random.randint(100, 999)}.pdf", type_, by
    )


def _edits(c: EstateBuilder, random: Random, place: StagedWorkspace, day: int) -> None:
    c.version(c.at(day, _clock(random, 8, 17)), place.id, place.document, random.choice(place.people))


def _changes(c: EstateBuilder, random: Random, place: StagedWorkspace, day: int) -> None:
    attr, values = _ATTRIBUTE[place.type]
    value: object = random.choice(values)
    c.attribute(c.at(day, _clock(random, 8, 17)), place.id, attr, value, place.people[0])


def _remarks(c: EstateBuilder, random: Random, place: StagedWorkspace, day: int) -> None:
    when = c.at(day, _clock(random, 8, 17))
    c.comment(when, place.id, random.choice(place.people), random.choice(_REMARKS))


def _finishes(c: EstateBuilder, random: Random, place: StagedWorkspace, day: int) -> None:
    flow, by = c.process(), random.choice(place.people)
    begun, done = c.at(day, _clock(random, 8, 11)), c.at(day, _clock(random, 13, 17))
    c.assign(begun, place.id, flow, 1, _STEP[place.type], by, c.at(day + 2, "18:00"))
    c.complete(done, place.id, flow, 1, by, "done")
