"""Which keys, columns and fields stay in a recording: those that are made of the REST API's own words, and of numbers that may be ids.

Keys are never a list that is complete: a version that nobody has seen has others, and a recording is sent to show them. They
are made of few words, which the contract (docs/contracts/ecm.md), the simulator and published clients use; names of people,
hosts and sites are not.
"""

from __future__ import annotations

import re

_WORDS = """
a accept access accessed acl action actions activation active activities activity add addcategory added address admin
advanced after agent align all allow also ancestors any anyone app ar archive archived asc assigned assignedto assignee
assignees assignment assignments att attachment attachments attr attribute attributes audit authentication authorization
available aviator b basic batch bcan bearer bin birth bo body boolean both bulk business businessworkspace
businessworkspaces by c cache can categories category categoryattribute cell change changed character child children
choices class classification classifications classify classvolumeid client code codes collaboration collection column
columns command commands comment comments completed complexquery config container contains content contents control copy
core count counts create created createdate createdby creation creator cs current d data datatype date dates datesaved
day de default definition definitions delete deleted deleterelateditem desc descending description descriptions detail
details direct directly disabled discovery display displayable displayed disposition doc doctype doctypes document
documents domain done download due dynperm e early edit element email emailfrom employee en enabled encoding end ends
enhanced error errors es escalation event events exceeded exp expand expanded expiration expire expires external f facet
facets fast favorite fax field fields file files filter filtering first firstname fixed flag flow folder follow followed
followup followups for force form format formatted forms fr from full function g gender general generation global grant
group groupassignment groupid groups guid h handler has header headers height hidden hold home href html icon icons id
identity ids image in inactivity include index indexing indicator info inherit inherited initials initiated initiator
inprocessdocuments instructions integer interests invalid is it item items j ja json k key keys kind ko label lang
language languages large last lastname late lead leader length level limit link linked links list listed lists locale
location lock locked login logout lookfor m main major managed management manager manual map mapping max member members
menu message messages meta metadata method middle milestone mime min minor missing missingdocuments mixed mobile mode
model modes modified modifiedby modify month months more msg multi multiline multilingual multiple myteamtodo n name
names next nickname nl no node nodes none not null number o obj object objects of office official offline offset on only
ontime open operator optional options or order original ot otcs otcsticket otds otmime out outdated overdue owner
ownerid p packages page pager paging pairs parallel parent parents part password path pending percent perform performer
performerid period perm permission permissions perms person persona personal perspective phone photo picture policies
policy position post preferred preview previous priority privilege privileges process processes project properties
property provider public purge purged q query queryable r range rank reaction read reading ready readydate real reason
recent recently recman recmanstatus record recyclebin reference references refresh regex region regions rel related
relateditem relateditems relation relations relationtype relevance reminder remove rename rendition reply reports
request requests required reserve reserved reservedby resource response result results retention return review revision
right rights rm role roles route row rows rs rule rules s score search searching second seconds section security see
select selectable selected selection selectiontype self send sequence server serverinfo service session sessions set
sets setting settings shared short show shown simplify site size slow smart sort sortable sorted sorting source space
specific stamp start started starts startswith state status statuscode step steps stop stopped storage string style sub
subject subprocess subprocesses subtype subtypes subworkflow subworkflows subworktask suffix suite summary support
supported suspend system t tab tabs target task taskid tasks team tel telephone template templates text thumbnail ticket
time timeout times title to todo todos token total tried type types u ui undefined unique unit units unknown until
update updated upload uri url urls use used user userdata userid username users utc v valid validation validity value
values variable version versionable versioned versioning versions view viewer visible volume volumes w warning webreport
website week weight wf wfretention wfstatus when where widget width with within without wksp wnd wnf word work workflow
workflowlate workflows workid workinfo workspace workspaces wstatus x xref y year years z zone
"""

VOCABULARY = frozenset(_WORDS.split())
"""The words that keys are made of, in small letters."""

_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")
_PARTS = re.compile(r"\d+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_INDEXED = re.compile(
    r"(?:(?:asc|desc)_)?wn[df]_att_(?=[a-z]*\d|[a-z]{1,4}_)[a-z\d]{1,6}(?:_[a-z\d]{1,3})*(?:_formatted)?"
)
"""Columns of indexed attributes: their category's id is written with 36 digits."""
_ID = re.compile(r"0|[1-9]\d{0,9}")
_PERSONAL = frozenset({
    "birth", "birthdate", "birthday", "cell", "cellphone", "cellular", "fax", "gender", "handy", "mobile", "pager", "phone", "phones",
    "postal", "street", "tel", "telefax", "telefon", "telephone", "zip",
})  # fmt: skip
_HOME = frozenset({"home", "address"})


def is_key(text: str) -> bool:
    """Whether a text is made of the API's words and of numbers that may be ids: no telephone number, and no host."""
    if _INDEXED.fullmatch(text):
        return True
    return _KEY.fullmatch(text) is not None and are_words(text)


def are_words(text: str) -> bool:
    """The same for a text with any signs between its words, such as a list of fields."""
    return all(_ID.fullmatch(part) or part.lower() in VOCABULARY for part in _PARTS.findall(text))


def is_personal(key: str) -> bool:
    """Whether what stands under a key tells of a person also where it is a number or a date: of telephones, birth, home and gender."""
    parts = {part.lower() for part in _PARTS.findall(key)}
    return not parts.isdisjoint(_PERSONAL) or parts >= _HOME
