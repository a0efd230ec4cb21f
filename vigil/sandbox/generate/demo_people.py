"""The users of the demo estate, and its workspace types: data only, in the format of docs/estates.md."""

from __future__ import annotations

from typing import Any, NamedTuple

Json = dict[str, Any]


class Someone(NamedTuple):
    """A short form of a row of users.jsonl. `platforms` gives one device each; none means a person without a device."""

    login: str
    name: str
    zone: str
    language: str
    groups: tuple[str, ...]
    platforms: tuple[str, ...]
    deleted: bool = False

    def row(self) -> Json:
        """The user in the format of users.jsonl."""
        row: Json = {
            "login": self.login,
            "name": self.name,
            "email": f"{self.login}@example.org",
            "zone": self.zone,
            "language": self.language,
            "groups": list(self.groups),
        }
        if self.deleted:
            row["deleted"] = True
        counted = enumerate(self.platforms)
        row["devices"] = [{"token": f"{self.login}-{name}-{n}", "platform": name} for n, name in counted]
        return row


_BERLIN, _ROME, _LONDON = "Europe/Berlin", "Europe/Rome", "Europe/London"

PEOPLE = (
    # contracts
    Someone("ada.berg", "Ada Berg", _BERLIN, "de", ("buyers",), ("android", "web")),  # two devices
    Someone("bruno.conti", "Bruno Conti", _ROME, "it", ("buyers",), ("ios",)),
    Someone("clara.hughes", "Clara Hughes", _LONDON, "en-GB", ("buyers",), ("android",)),
    Someone("dora.weiss", "Dora Weiß", _BERLIN, "de", ("legal", "compliance"), ("ios", "web")),
    Someone("emil.novak", "Emil Novak", "Europe/Vienna", "de-AT", ("legal",), ("android",)),
    Someone("fay.lim", "Fay Lim", "Asia/Singapore", "en", ("legal",), ("ios",)),
    Someone("gina.rossi", "Gina Rossi", _ROME, "it", ("records-office",), ("web",)),
    Someone("hans.keller", "Hans Keller", _BERLIN, "de", ("records-office",), ("android",)),
    Someone(
        "iris.cole", "Iris Cole", "America/New_York", "en-US", ("directors", "supplier-board"), ("ios", "web")
    ),
    # customer cases
    Someone("jonas.wolf", "Jonas Wolf", _BERLIN, "de", ("case-managers",), ("android",)),
    Someone("kim.park", "Kim Park", "Asia/Singapore", "en", ("case-managers",), ("android", "ios")),
    Someone("luca.ferri", "Luca Ferri", _ROME, "it", ("case-managers",), ("web",)),
    Someone("mona.adler", "Mona Adler", _BERLIN, "de", ("field-staff",), ("android",)),
    Someone("nils.ek", "Nils Ek", _BERLIN, "en", ("field-staff",), ()),  # no device
    Someone("olga.silva", "Olga Silva", "America/Sao_Paulo", "pt-BR", ("field-staff",), ("android",)),
    Someone("paul.stern", "Paul Stern", _BERLIN, "de", ("supervisors",), ("ios",)),
    Someone("quinn.reed", "Quinn Reed", _LONDON, "en", ("supervisors",), ("android", "web")),
    # projects
    Someone("rosa.marini", "Rosa Marini", _ROME, "it", ("engineers",), ("android",)),
    Someone("sven.holm", "Sven Holm", _BERLIN, "de", ("engineers",), ("ios",)),
    Someone("tara.singh", "Tara Singh", _LONDON, "en", ("engineers", "safety"), ("android",)),
    Someone("udo.kraus", "Udo Kraus", _BERLIN, "de", ("engineers", "safety"), ("web",)),
    # permits
    Someone("vera.lang", "Vera Lang", _BERLIN, "de", ("permits-office",), ("android",)),
    Someone("will.baker", "Will Baker", _LONDON, "en", ("permits-office",), ("ios",)),
    Someone("xenia.popa", "Xenia Popa", _BERLIN, "de", ("site-managers",), ("android",)),
    Someone("yann.petit", "Yann Petit", "Europe/Paris", "fr", ("site-managers",), ("ios",)),
    Someone("zeno.moretti", "Zeno Moretti", _ROME, "it", ("buyers",), ("ios",), deleted=True),  # has left
)


def _attribute(name: str, kind: str, *values: str) -> Json:
    return {"name": name, "kind": kind, **({"values": list(values)} if values else {})}


def _type(name: str, category: str, attributes: list[Json], roles: list[str], required: list[Json]) -> Json:
    categories = [{"name": category, "attributes": attributes}]
    return {"type": name, "categories": categories, "roles": roles, "required_documents": required}


TYPES = (
    _type(
        "Contract",
        "Contract",
        [
            _attribute("status", "string", "draft", "in review", "active", "renewing", "terminated"),
            _attribute("expires", "date"),
            _attribute("counterparty", "string"),
            _attribute("cost center", "string"),
            _attribute("value", "integer"),
        ],
        ["owner", "steward", "counsel"],
        [{"type": "Signed agreement"}],
    ),
    _type(
        "Customer case",
        "Case",
        [
            _attribute("status", "string", "new", "open", "escalated", "resolved", "closed"),
            _attribute("priority", "string", "low", "normal", "high", "critical"),
            _attribute("customer", "string"),
            _attribute("answer by", "datetime"),
        ],
        ["Case manager", "Field staff", "supervisor"],
        [],
    ),
    _type(
        "Project",
        "Project",
        [
            _attribute("status", "string", "planned", "running", "on hold", "done"),
            _attribute("go live", "date"),
            _attribute("sponsor", "user"),
            _attribute("budget", "integer"),
        ],
        ["lead", "team", "steward"],
        [{"type": "Project charter"}, {"type": "Risk register"}],
    ),
    _type(
        "Permit",
        "Permit",
        [
            _attribute("status", "string", "applied", "granted", "suspended", "expired"),
            _attribute("valid until", "date"),
            _attribute("authority", "string"),
            _attribute("site", "string"),
        ],
        ["holder", "Compliance officer", "Site manager"],
        [{"type": "Environmental assessment"}, {"type": "Safety certificate", "valid_months": 12}],
    ),
    _type(
        "Supplier",
        "Supplier",
        [
            _attribute("status", "string", "invited", "in review", "admitted", "blocked"),
            _attribute("tax number", "string"),
            _attribute("assess by", "date"),
            _attribute("dispute since", "date"),
        ],
        ["buyer", "quality"],
        [{"type": "Self-disclosure"}, {"type": "Quality certificate", "valid_months": 36}],
    ),
    _type(
        "Policy",
        "Policy",
        [
            _attribute("status", "string", "draft", "in force", "withdrawn"),
            _attribute("review by", "date"),
            _attribute("author", "user"),
        ],
        ["owner", "readers"],
        [{"type": "Policy text"}],
    ),
)
