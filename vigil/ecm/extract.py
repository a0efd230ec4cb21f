"""The extraction: the seven questions that a run asks of Extended ECM, answered as facts. See docs/architecture.md."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime

from vigil.compliance.facts import User, WorkspaceType, user
from vigil.compliance.vocabulary import People
from vigil.ecm.audience import AudienceReader
from vigil.ecm.catalogue import Catalogue
from vigil.ecm.client import Client
from vigil.ecm.homes import housed
from vigil.ecm.listing import Listing
from vigil.ecm.model import EXPIRY, Batch, Gap, Housed, Needs, Processes, Row, Span, Stamp, Verified
from vigil.ecm.people import GROUP, USER, Directory
from vigil.ecm.presence import gone
from vigil.ecm.processes import ProcessReader
from vigil.ecm.related import RelatedReader
from vigil.ecm.schema import SchemaReader
from vigil.ecm.verify import Verifier
from vigil.ecm.workspaces import WorkspaceReader


class Extractor:
    """One extraction over one client. Names met on the way (people, categories, classifications) are kept for its life.

    All methods raise `Refused` when the login fails and `Unavailable` when the call that the rest hangs on got no answer;
    what fails for single workspaces is a `Gap` of the result.
    """

    def __init__(self, client: Client, needs: Needs | None = None, *, expiry: str = EXPIRY) -> None:
        needs = needs or Needs()
        self._client = client
        self._directory = Directory(client)
        self._catalogue = Catalogue(client)
        self._schema = SchemaReader(client, self._catalogue)
        self._listing = Listing(client)
        self._workspaces = WorkspaceReader(client, needs, self._directory, self._catalogue, expiry)
        self._processes = ProcessReader(client)
        self._verifier = Verifier(client)
        self._audience = AudienceReader(client, self._directory)
        self._related = RelatedReader(client)

    async def types(self) -> tuple[WorkspaceType, ...]:
        """The workspace types with their attributes, roles and document types: the schema snapshot for the rules.

        Raises NotReadable when there are none, or when they are refused: the two cannot be told apart. What could not be read of
        single types is in `schema_gaps` then.
        """
        return await self._schema.types()

    @property
    def schema_gaps(self) -> Mapping[str, Sequence[Gap]]:
        """What could not be read of the types when `types` was asked last, by the type's name."""
        return self._schema.gaps

    async def gone(self, nodes: Sequence[int]) -> tuple[frozenset[int], list[Gap]]:
        """Which of some nodes are gone, and gaps for those of which that cannot be said. See `vigil.ecm.presence`."""
        return await gone(self._client, nodes)

    def odd_rows(self, type: str) -> int:
        """How many rows of a type's list carry no id: nobody can say which workspaces they are."""
        return len(self._listing.odd.get(type, ()))

    def listed(self, type: str) -> int:
        """How many workspaces of a type its list had, as ECM counts them; 0 where it was not read."""
        return self._listing.totals.get(type, 0)

    @property
    def given_up(self) -> bool:
        """Whether the server had not answered for so long that nothing more is asked of it."""
        return self._client.given_up

    async def changed(
        self, type: WorkspaceType | str, since: datetime | None, *, resume: Span | None = None
    ) -> AsyncIterator[tuple[Row, ...]]:
        """Pages of the workspaces of a type that changed at or after `since` (less the settings' overlap), newest first.

        `since` None: all of them. Each workspace comes once; the next run's `since` is the newest `modified` of the first
        page. With `resume` the walk leaves out what an interrupted one had read, from its newest row to its oldest.
        Raises NotReadable for a type that ECM does not have.
        """
        known = await self._schema.named(type) if isinstance(type, str) else type
        async for rows in self._listing.changed(known, since, resume):
            yield rows

    async def read_workspaces(self, rows: Sequence[Row], since: datetime | None = None) -> Batch:
        """The workspaces (any number; 250 to a call is best) with the parts that the needs name.

        `since` bounds the audit events: those at or after it are read, all when it is None. Workspaces that are no longer
        there are in `gone`. A part that could not be read is named in the workspace's `unread` and explained in `gaps`.
        """
        return await self._workspaces.read(rows, since)

    async def processes(self, since: datetime | None, known: Mapping[int, str]) -> Processes:
        """Which workflows changed, against the hashes that the last call gave (empty at first)."""
        return await self._processes.changed(since, known)

    async def read_processes(self, ids: Collection[int], workspace_of: Mapping[int, int]) -> Batch:
        """The steps of these workflows. `workspace_of` is what is known of process -> workspace; what had to be found out
        is in the batch's `workspaces`. A process that is attached to no workspace gives no facts."""
        return await self._processes.read(ids, workspace_of)

    async def verify(self, nodes: Mapping[int, Stamp]) -> Verified:
        """Ask for known workspaces and documents by id: which changed, which are gone. One call for each 250."""
        return await self._verifier.verify(nodes)

    async def housed(self, nodes: Mapping[int, int]) -> Housed:
        """Which of these nodes are there and lie in the workspace that is named for each, or are it: one call for each 250, and a few
        more where any is there. By it a run sees that something came back, and that a list lacks what it should have."""
        return await housed(self._client, nodes)

    async def audience(self, workspaces: Sequence[int], principals: Collection[str]) -> Batch:
        """Roles of these workspaces, and the users and groups of all their members and of `principals`, groups opened."""
        return await self._audience.read(workspaces, principals)

    async def related(self, workspaces: Sequence[int]) -> Batch:
        """The relations of these workspaces, two calls each. Those that are no longer there are in `gone`."""
        return await self._related.read(workspaces)

    async def people(self, logins: Collection[str] | None = None) -> People:
        """The names of all groups, and of all users or, one by one, of those of `logins` that there are."""
        groups = await self._directory.names(GROUP)
        if logins is None:
            return People(groups, await self._directory.names(USER))
        found, failed = await self._directory.find([user(login) for login in logins])
        lacking = await self._directory.ensure([member.id for member in found], complete=True)
        there, _ = await self._directory.find([user(login) for login in logins])
        for error in (*failed.values(), *lacking.values()):
            raise error
        return People(groups, frozenset(member.name for member in there if not member.deleted))

    async def accounts(self) -> list[User]:
        """Every user account that the server lists. A call for each 20 of them: now and then, not in every run."""
        return await self._directory.everybody()
