"""The events of the demo's week, by use case: each shipped rule (rules/*.yaml) has findings.

Each function adds the events of one use case over the workspaces that it creates. Days count from the first watched one, a Monday;
events that must not be news (creation, existing documents) are before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from vigil.sandbox.generate.builder import EstateBuilder, business_days_after

AGREEMENT = "Signed agreement"


def add_scenarios(c: EstateBuilder) -> None:
    """Add all scenarios to the estate."""
    _renewals(c)
    _incomplete_contracts(c)
    _approval(c)
    _approval_for_someone_who_left(c)
    _urgent_case(c)
    _case_visit(c)
    _case_without_supervisor(c)
    _projects_at_work(c)
    _projects_lacking_documents(c)
    _permits_running_out(c)
    _permit_trouble(c)
    _permit_application(c)
    _supplier_admitted(c)
    _suppliers_in_trouble(c)
    _policies(c)


def contract(
    c: EstateBuilder,
    name: str,
    status: str,
    expires: date | None,
    owner: str = "ada.berg",
    steward: str | None = "hans.keller",
    cost_center: str | None = "4711",
    age: int = 200,
) -> int:
    """A contract; unless it is a draft, its signed agreement is on file."""
    found = c.workspace(
        "Contract",
        name,
        c.at(-age, "10:00"),
        {
            "Contract.status": status,
            "Contract.expires": expires,
            "Contract.counterparty": name.split(", ")[-1],
            "Contract.cost center": cost_center,
            "Contract.value": 1000 * (20 + age % 90),
        },
        {"owner": [owner], "steward": [steward] if steward else [], "counsel": ["dora.weiss"]},
    )
    if status not in ("draft", "in review"):
        c.document(c.at(-age + 1, "11:30"), found, f"{name}, signed.pdf", AGREEMENT, owner)
    return found


def case(
    c: EstateBuilder,
    name: str,
    priority: str,
    manager: str,
    field: list[str],
    supervisor: str | None = "paul.stern",
    age: int = 9,
    answer_by: str | None = None,
) -> int:
    """An open case. `answer_by` is a time on day 2."""
    return c.workspace(
        "Customer case",
        name,
        c.at(-age, "08:20"),
        {
            "Case.status": "open",
            "Case.priority": priority,
            "Case.customer": name.split(", ")[-1],
            "Case.answer by": c.at(2, answer_by) if answer_by else None,
        },
        {"Case manager": [manager], "Field staff": field, "supervisor": [supervisor] if supervisor else []},
    )


def project(
    c: EstateBuilder,
    name: str,
    go_live: date | None,
    lead: str,
    team: list[str],
    steward: str | None = "gina.rossi",
    lacking: tuple[str, ...] = (),
    age: int = 120,
) -> int:
    """A running project with the documents that its type asks for, but those `lacking`."""
    found = c.workspace(
        "Project",
        name,
        c.at(-age, "09:40"),
        {
            "Project.status": "running",
            "Project.go live": go_live,
            "Project.sponsor": "iris.cole",
            "Project.budget": 10_000 * (5 + age % 40),
        },
        {"lead": [lead], "team": team, "steward": [steward] if steward else []},
    )
    for type_ in ("Project charter", "Risk register"):
        if type_ not in lacking:
            c.document(c.at(-age + 2, "15:10"), found, f"{type_}.docx", type_, lead)
    return found


def permit(
    c: EstateBuilder,
    name: str,
    status: str,
    valid_until: date | None,
    holder: str = "sven.holm",
    officer: str = "vera.lang",
    certificate_until: date | None = None,
    age: int = 300,
) -> int:
    """A permit with its assessment and, unless it is applied for, a safety certificate."""
    found = c.workspace(
        "Permit",
        name,
        c.at(-age, "13:00"),
        {
            "Permit.status": status,
            "Permit.valid until": valid_until,
            "Permit.authority": "District office",
            "Permit.site": name.split(", ")[-1],
        },
        {"holder": [holder], "Compliance officer": [officer], "Site manager": ["xenia.popa"]},
    )
    c.document(
        c.at(-age + 3, "16:00"), found, "Environmental assessment.pdf", "Environmental assessment", holder
    )
    if status != "applied":
        certificate_until = certificate_until or c.day(220)
        c.document(
            c.at(-min(140, age - 3), "16:05"),
            found,
            "Safety certificate.pdf",
            "Safety certificate",
            holder,
            certificate_until,
        )
    return found


def supplier(
    c: EstateBuilder,
    name: str,
    status: str,
    assess_by: date | None = None,
    buyer: str = "clara.hughes",
    certificate_until: date | None = None,
    tax_number: str | None = "DE 123 456 789",
    age: int = 90,
    contracts: Sequence[int] = (),
) -> int:
    """A supplier with its self-disclosure and, where it is admitted, a quality certificate."""
    found = c.workspace(
        "Supplier",
        name,
        c.at(-age, "11:10"),
        {"Supplier.status": status, "Supplier.tax number": tax_number, "Supplier.assess by": assess_by},
        {"buyer": [buyer], "quality": ["udo.kraus"]},
        contracts,
    )
    if tax_number:
        c.document(c.at(-age, "11:30"), found, "Self-disclosure.pdf", "Self-disclosure", buyer)
    if status == "admitted":
        until = certificate_until or c.day(400)
        c.document(c.at(-age + 5, "09:00"), found, "ISO 9001.pdf", "Quality certificate", "udo.kraus", until)
    return found


def policy(
    c: EstateBuilder, name: str, review_by: date, owner: str | None = "hans.keller", age: int = 500
) -> int:
    """A policy in force."""
    return c.workspace(
        "Policy",
        name,
        c.at(-age, "14:00"),
        {"Policy.status": "in force", "Policy.review by": review_by, "Policy.author": "fay.lim"},
        {"owner": [owner] if owner else [], "readers": ["sven.holm", "rosa.marini"]},
    )


def _renewals(c: EstateBuilder) -> None:
    """Use 6: contracts that end; one whose end moves after its reminder; use 3: one that is terminated."""
    contract(c, "Supply of steel, Rhein Stahl AG", "active", c.day(1 + 90))
    contract(c, "Maintenance of lifts, Aufzug Nord GmbH", "active", _month_after(c.day(2)), "clara.hughes")
    contract(c, "Office lease, Corso Italia 12", "renewing", business_days_after(c.day(3), 7), "bruno.conti")
    moved = contract(c, "Data lines, Telco Süd GmbH", "active", c.day(1 + 90), "clara.hughes")
    c.attribute(c.at(2, "15:30"), moved, "Contract.expires", c.day(4 + 90), "clara.hughes")
    ended = contract(c, "Canteen, Mensa & Partner", "active", c.day(400), "bruno.conti")
    c.attribute(c.at(1, "16:45"), ended, "Contract.status", "terminated", "bruno.conti")


def _incomplete_contracts(c: EstateBuilder) -> None:
    """Use 4: no cost center (nobody is steward, so the fallback gets the notice), and no signed agreement for a day."""
    hosting = contract(c, "Data hosting, Nuvola Srl", "active", c.day(500), "bruno.conti", None, None)
    c.attribute(c.at(2, "10:05"), hosting, "Contract.cost center", "4820", "gina.rossi")
    fleet = contract(c, "Fleet leasing, Autohaus Kern", "active", c.day(260))
    c.attribute(c.at(1, "11:20"), fleet, "Contract.cost center", None, "ada.berg")
    cleaning = contract(c, "Cleaning, Sauber KG", "in review", c.day(365), age=20)
    c.attribute(c.at(0, "09:30"), cleaning, "Contract.status", "active", "ada.berg")
    c.document(c.at(3, "11:25"), cleaning, "Cleaning, signed by both.pdf", AGREEMENT, "hans.keller")


def _approval(c: EstateBuilder) -> None:
    """Uses 2, 7, 3 and 8: a draft is written, reviewed, approved and signed, and handed on each time."""
    frame = contract(c, "Frame agreement, Ponte Ingegneria", "draft", c.day(730), age=6)
    flow = c.process()
    c.assign(c.at(0, "09:10"), frame, flow, 1, "Prepare draft", "ada.berg", c.at(1, "12:00"))
    c.document(c.at(0, "13:50"), frame, "Frame agreement, draft.docx", "Draft", "ada.berg")
    c.complete(c.at(0, "14:00"), frame, flow, 1, "ada.berg", "done")
    c.attribute(c.at(0, "14:00"), frame, "Contract.status", "in review", "ada.berg")
    c.assign(c.at(0, "14:00"), frame, flow, 2, "Legal review", "dora.weiss", c.at(2, "12:00"))
    c.complete(c.at(1, "10:30"), frame, flow, 2, "dora.weiss", "approved")
    c.assign(c.at(1, "10:30"), frame, flow, 3, "Approve contract", "iris.cole", c.at(3, "18:00"))
    c.complete(c.at(2, "16:20"), frame, flow, 3, "iris.cole", "approved")
    c.attribute(c.at(2, "16:20"), frame, "Contract.status", "active", "ada.berg")
    c.assign(c.at(2, "16:20"), frame, flow, 4, "File signed copy", "hans.keller", c.at(4, "12:00"))
    c.document(c.at(3, "10:40"), frame, "Frame agreement, signed.pdf", AGREEMENT, "hans.keller")
    c.complete(c.at(3, "10:45"), frame, flow, 4, "hans.keller", "done")


def _approval_for_someone_who_left(c: EstateBuilder) -> None:
    """Use 2 again: the approver's account is deleted, so the owner gets the notice instead."""
    printing = contract(
        c, "Printing services, Druckhaus Ost", "in review", c.day(365), "clara.hughes", age=12
    )
    c.leave(c.at(0, "18:00"), "zeno.moretti")
    c.assign(c.at(1, "09:00"), printing, c.process(), 1, "Approve contract", "zeno.moretti", c.at(8, "18:00"))


def _urgent_case(c: EstateBuilder) -> None:
    """Use 5: a case is made critical and escalated, a step is overdue, evidence comes in."""
    water = case(c, "Water damage, Hotel Adler", "high", "jonas.wolf", ["mona.adler", "nils.ek"])
    c.assign(c.at(0, "10:00"), water, c.process(), 1, "First answer", "jonas.wolf", c.at(1, "12:00"))
    c.attribute(c.at(1, "09:15"), water, "Case.priority", "critical", "paul.stern")
    c.attribute(c.at(1, "13:05"), water, "Case.status", "escalated", "jonas.wolf")
    c.document(c.at(2, "11:10"), water, "Photos of the cellar.zip", "Evidence", "mona.adler")
    c.comment(c.at(2, "11:12"), water, "mona.adler", "The pump was switched off, see photo 7.")
    c.document(c.at(4, "15:45"), water, "Expert on the pump.pdf", "Expert report", "jonas.wolf")


def _case_visit(c: EstateBuilder) -> None:
    """Uses 1, 6 and 7: the customer writes, an answer is due, a visit is done and the case handed back."""
    invoice = case(
        c, "Faulty scales, Bäckerei Huber", "normal", "luca.ferri", ["olga.silva"], answer_by="16:00"
    )
    c.document(c.at(0, "11:00"), invoice, "Letter from the customer.pdf", "Customer statement", "quinn.reed")
    flow = c.process()
    c.assign(c.at(1, "08:30"), invoice, flow, 1, "Visit on site", "olga.silva", c.at(4, "18:00"))
    c.complete(c.at(3, "13:20"), invoice, flow, 1, "olga.silva", "done")
    c.assign(c.at(3, "13:20"), invoice, flow, 2, "Close the case", "luca.ferri", c.at(7, "18:00"))


def _case_without_supervisor(c: EstateBuilder) -> None:
    """Use 5: the role supervisor is empty, so the group of supervisors stands in."""
    crane = case(c, "Crane stands still, Porto di Genova", "high", "kim.park", ["mona.adler"], None)
    c.assign(c.at(1, "09:00"), crane, c.process(), 1, "Send a technician", "mona.adler", c.at(3, "09:00"))
    c.document(c.at(3, "14:30"), crane, "Log of the crane.csv", "Evidence", "kim.park")


def _projects_at_work(c: EstateBuilder) -> None:
    """Uses 1, 3, 6 and 8: content for the team, a go-live date, a stop, an end, an incident."""
    depot = project(c, "New depot Leipzig", c.day(1 + 7), "sven.holm", ["tara.singh", "udo.kraus"])
    plan = c.document(c.at(0, "10:15"), depot, "Site plan.dwg", "Drawing", "udo.kraus")
    c.version(c.at(2, "09:50"), depot, plan, "tara.singh")
    c.document(c.at(2, "14:20"), depot, "Fall from scaffold.pdf", "Incident report", "tara.singh")
    bridge = project(
        c, "Bridge inspection Po", business_days_after(c.day(3), 1), "rosa.marini", ["udo.kraus"]
    )
    c.document(c.at(3, "17:05"), bridge, "Cracks, pillar 4 <draft>.pdf", "Inspection", "udo.kraus")
    hall = project(c, "Paint hall ventilation", c.day(60), "sven.holm", ["rosa.marini"])
    c.attribute(c.at(1, "15:00"), hall, "Project.status", "on hold", "sven.holm")
    archive = project(c, "Archive move", c.day(-3), "tara.singh", ["udo.kraus"])
    c.attribute(c.at(4, "12:00"), archive, "Project.status", "done", "tara.singh")


def _projects_lacking_documents(c: EstateBuilder) -> None:
    """Use 4: mandatory documents are missing; a steward gets the notice about one project, and the other has no recipient."""
    project(c, "Solar roof Hall 3", c.day(45), "rosa.marini", ["tara.singh"], lacking=("Risk register",))
    project(
        c, "Rail siding", c.day(80), "udo.kraus", ["sven.holm"], steward=None, lacking=("Project charter",)
    )


def _permits_running_out(c: EstateBuilder) -> None:
    """Uses 4 and 6: permits near and past their end, and a certificate that expires during the week."""
    permit(c, "Crane on public ground, Bahnhofstraße 8", "granted", c.day(1 + 30))
    permit(c, "Night work, Hafen Ost", "granted", business_days_after(c.day(3), 5), "rosa.marini")
    permit(c, "Water discharge, Mühlbach", "granted", c.day(1), "udo.kraus", "will.baker")
    digging = permit(
        c, "Excavation, Hafenstraße 4", "granted", c.day(190), "sven.holm", certificate_until=c.day(1)
    )
    c.document(
        c.at(4, "11:00"),
        digging,
        "Safety certificate 2027.pdf",
        "Safety certificate",
        "sven.holm",
        c.day(366),
    )


def _permit_trouble(c: EstateBuilder) -> None:
    """Uses 3 and 8: the authority writes, and the permit is suspended."""
    tank = permit(c, "Fuel tank, Werk Süd", "granted", c.day(320), "tara.singh", "will.baker")
    c.document(c.at(2, "08:55"), tank, "Hearing on the tank.pdf", "Regulatory notice", "will.baker")
    c.attribute(c.at(3, "12:10"), tank, "Permit.status", "suspended", "will.baker")


def _permit_application(c: EstateBuilder) -> None:
    """Use 2: an application waits for the permits office and is granted."""
    crossing = permit(c, "Road crossing, Lindenallee", "applied", None, "rosa.marini", age=15)
    flow = c.process()
    c.assign(c.at(0, "08:45"), crossing, flow, 1, "Approve application", "vera.lang", c.at(2, "18:00"))
    c.document(
        c.at(1, "10:00"), crossing, "Safety certificate.pdf", "Safety certificate", "rosa.marini", c.day(365)
    )
    c.complete(c.at(2, "09:25"), crossing, flow, 1, "vera.lang", "approved")
    c.attribute(c.at(2, "09:26"), crossing, "Permit.valid until", c.day(367), "vera.lang")
    c.attribute(c.at(2, "09:26"), crossing, "Permit.status", "granted", "vera.lang")


def _supplier_admitted(c: EstateBuilder) -> None:
    """Uses 2 and 7: the papers of a new supplier are in order, it is assessed, and the board has to decide."""
    screws = supplier(c, "Screws and bolts, Viti Milano", "in review", age=4)
    flow = c.process()
    c.assign(c.at(0, "09:20"), screws, flow, 1, "Check papers", "clara.hughes", c.at(2, "18:00"))
    c.complete(c.at(1, "11:40"), screws, flow, 1, "clara.hughes", "in order")
    c.assign(c.at(1, "11:40"), screws, flow, 2, "Assess on site", "udo.kraus", c.at(5, "18:00"))
    c.complete(c.at(3, "15:00"), screws, flow, 2, "udo.kraus", "passed")
    c.assign(c.at(3, "15:00"), screws, flow, 3, "Approve supplier", "iris.cole", c.at(8, "18:00"))


def _suppliers_in_trouble(c: EstateBuilder) -> None:
    """Uses 3, 4 and 6: papers missing after five days, a certificate that runs out, a dispute, a block, an assessment to come."""
    supplier(c, "Solvents, Chemie Kontor", "invited", tax_number=None, age=0)
    supplier(c, "Castings, Guss & Sohn", "admitted", certificate_until=c.day(1))
    dispute = supplier(c, "Freight, Rapido Srl", "admitted", buyer="bruno.conti")
    c.attribute(c.at(1, "10:30"), dispute, "Supplier.dispute since", c.day(1), "bruno.conti")
    scrap = contract(c, "Scrap metal, Altmetall Ost", "active", c.day(310))
    blocked = supplier(c, "Scrap metal, Altmetall Ost", "admitted", buyer="ada.berg", contracts=[scrap])
    c.attribute(c.at(2, "13:15"), blocked, "Supplier.status", "blocked", "udo.kraus")
    supplier(c, "Hydraulics, Oleo Tech", "admitted", _months_after(c.day(2), 2))
    supplier(c, "Pallets, Holz Huber", "admitted", c.day(3 + 14))


def _policies(c: EstateBuilder) -> None:
    """Uses 1, 4, 6 and 8: policies to review, one without an owner, a remark, a new version of the text."""
    travel = policy(c, "Travel and expenses", _months_after(c.day(1), 3))
    text = c.document(c.at(-490, "10:00"), travel, "Travel.docx", "Policy text", "fay.lim")
    c.comment(c.at(0, "15:20"), travel, "rosa.marini", "Does this hold for trains abroad?")
    c.version(c.at(3, "09:30"), travel, text, "fay.lim")
    policy(c, "Gifts and invitations", _months_after(c.day(3), 1))
    policy(c, "Use of company cars", c.day(2))
    orphan = policy(c, "Retention of records", c.day(200))
    c.role(c.at(1, "12:00"), orphan, "owner", [])


def _months_after(day: date, count: int) -> date:
    """The same day so many months later, so that `-{count}mo` leads back to `day`."""
    for _ in range(count):
        day = _month_after(day)
    return day


def _month_after(day: date) -> date:
    """The same day of the next month, so that `-1mo` leads back to `day`."""
    return day.replace(year=day.year + day.month // 12, month=day.month % 12 + 1)
