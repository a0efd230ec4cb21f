"""The extraction: the queries that a run makes to Extended ECM, with facts as results. See docs/architecture.md."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime

from vigil.compliance.facts import Document, User, WorkspaceType, user
from vigil.compliance.rules.vocabulary import People
from vigil.ecm.audience import AudienceReader
from vigil.ecm.catalogue import Catalogue
from vigil.ecm.change_feed import ChangeFeed
from vigil.ecm.client import Client
from vigil.ecm.homes import homes, housed, types_of
from vigil.ecm.listing import Listing, Place
from vigil.ecm.located import Located
from vigil.ecm.model import EXPIRY, FactBatch, Gap, Housed, ListedWorkspace, Needs, Processes, Stamp, Verified
from vigil.ecm.nodes import gives_no_categories
from vigil.ecm.parse import GROUP, USER
from vigil.ecm.people import MemberDirectory
from vigil.ecm.presence import gone
from vigil.ecm.processes import ProcessReader
from vigil.ecm.related import RelatedReader
from vigil.ecm.schema import SchemaReader
from vigil.ecm.verify import StampVerifier
from vigil.ecm.workspaces import WorkspaceReader


class Extractor:
    """One extraction over one client. It caches names (people, categories, classifications) for its life.

    All methods raise `Refused` if the login fails and `Unavailable` if the call that the others depend on got no response; failures of
    single workspaces are `Gap`s of the result.
    """

    def __init__(self, client: Client, needs: Needs | None = None, *, expiry: str = EXPIRY) -> None:
        needs = needs or Needs()
        self._client = client
        self._directory = MemberDirectory(client)
        self._catalogue = Catalogue(client)
        self._schema = SchemaReader(client, self._catalogue)
        self._listing = Listing(client)
        self._workspaces = WorkspaceReader(
            client, needs, self._directory, self._catalogue, expiry, self._schema.documents_of
        )
        self._processes = ProcessReader(client, self._directory, needs.dispositions)
        self._verifier = StampVerifier(client)
        self._audience = AudienceReader(client, self._directory)
        self._related = RelatedReader(client)
        self._feed = ChangeFeed(client)

    async def types(self) -> tuple[WorkspaceType, ...]:
        """The workspace types with their attributes, roles and document types: the schema snapshot for the rules.

        Raises NotReadable if there are none, or if they are refused: the two cases look the same. `schema_gaps` then has the gaps of
        single types.
        """
        return await self._schema.types()

    @property
    def schema_gaps(self) -> Mapping[str, Sequence[Gap]]:
        """The gaps of the types at the last call of `types`, by the type's name."""
        return self._schema.gaps

    @property
    def odd_types(self) -> Sequence[Gap]:
        """The gaps of rows of the list of types at the last call of `types`: which types these are is unknown."""
        return self._schema.odd

    async def gone(self, nodes: Sequence[int]) -> tuple[frozenset[int], list[Gap]]:
        """Which of some nodes are deleted, and gaps for those for which that is unknown. See `vigil.ecm.presence`."""
        return await gone(self._client, nodes)

    def odd_rows(self, type: str) -> int:
        """How many rows of a type's list have no id, so that their workspaces are unknown."""
        return len(self._listing.odd.get(type, ()))

    def listed(self, type: str) -> int:
        """How many workspaces of a type its list has by ECM's own count; 0 if it was not read."""
        return self._listing.totals.get(type, 0)

    @property
    def given_up(self) -> bool:
        """Whether the client has given up the server, which did not answer for too long, and makes no more calls."""
        return self._client.given_up

    async def changed(
        self, type: WorkspaceType | str, since: datetime | None
    ) -> AsyncIterator[tuple[ListedWorkspace, ...]]:
        """Pages of the workspaces of a type that changed at or after `since` (less the settings' overlap), newest first.

        `since` None: all of them. Each workspace appears once; the next run's `since` is the newest `modified` of the first page.
        Raises NotReadable for a type that ECM does not have.
        """
        known = await self._schema.named(type) if isinstance(type, str) else type
        self._schema.note(known)
        async for rows in self._listing.changed(known, since):
            yield rows

    async def part_of_list(
        self, type: WorkspaceType, place: Place, pages: int
    ) -> AsyncIterator[tuple[tuple[ListedWorkspace, ...], Place]]:
        """So many pages of the list of a type from `place` on, each with the place from which the next part goes on.

        At the end of the list that is its beginning. Whatever the order of the list, rows that move from behind the place to before it
        come in the next round. Raises IncompleteList for a list that cannot be read in parts, and CallFailed.
        """
        self._schema.note(type)
        async for rows, there in self._listing.part(type, place, pages):
            yield rows, there

    async def types_of(self, workspaces: Collection[int]) -> dict[int, int | None]:
        """The ids of the types of some workspaces, one call each; None where the answer has none. Those without one are left out."""
        return await types_of(self._client, workspaces)

    async def read_workspaces(
        self,
        rows: Sequence[ListedWorkspace],
        since: datetime | None = None,
        known: Mapping[int, Document] | None = None,
        located: Located | None = None,
    ) -> FactBatch:
        """The workspaces (any number; 250 in a call is best) with the parts that the needs name.

        `since` bounds the audit events: those at or after it are read, all if it is None. Deleted workspaces are in `gone`. A part
        that could not be read is in the workspace's `unread` and explained in `gaps`.

        `known` are documents as they were last read: the type of one that did not change is not asked for again. `located` are
        documents and folders that are known to lie in them: a container of which these are all needs no list.
        """
        return await self._workspaces.read(rows, since, known or {}, located)

    async def read_documents(
        self,
        places: Mapping[int, int],
        parents: Mapping[int, int | None],
        classified: Mapping[int, Collection[int]],
    ) -> tuple[FactBatch, frozenset[int]]:
        """Documents by their ids: `places` has the workspace of each, `parents` its container, `classified` ids of classifications.

        The second result are the workspaces of documents that are not, or not there: these are to be read whole.
        """
        return await self._workspaces.read_documents(places, parents, classified)

    @property
    def feed(self) -> ChangeFeed:
        """What search and recycle bin say has changed."""
        return self._feed

    async def processes(self, since: datetime | None, known: Mapping[int, str]) -> Processes:
        """The changed workflows, compared with the hashes from the last call (empty at first)."""
        return await self._processes.changed(since, known)

    async def read_processes(self, ids: Collection[int], workspace_of: Mapping[int, int]) -> FactBatch:
        """The steps of these workflows. `workspace_of` is the known mapping process -> workspace; the batch's `workspaces` has
        newly found ones. A process without a workspace gives no facts.
        """
        return await self._processes.read(ids, workspace_of)

    @property
    def values_apart(self) -> bool:
        """Whether values come by calls of their own, for a node or a folder of them, and not with the rows of nodes by id."""
        return gives_no_categories(self._client)

    async def verify(self, nodes: Mapping[int, Stamp]) -> Verified:
        """Read known workspaces and documents by id: which changed, which are deleted.

        One call for each 250, and those for values where they come apart.
        """
        return await self._verifier.verify(nodes)

    async def housed(self, nodes: Mapping[int, int]) -> Housed:
        """Which of these nodes exist in, or are, the workspace given for each: one call for each 250, and a few more if any exists.
        A run thereby finds returned items, and lists that lack known items.
        """
        return await housed(self._client, nodes)

    async def homes(self, nodes: Collection[int]) -> dict[int, int]:
        """The workspaces that some nodes lie in, by node, as far as they can be found: all are climbed at once."""
        return (await homes(self._client, nodes)).found

    async def audience(self, workspaces: Sequence[int], principals: Collection[str]) -> FactBatch:
        """Roles of these workspaces, and the users and groups of all their members and of `principals`, including the members of
        groups.
        """
        return await self._audience.read(workspaces, principals)

    async def related(self, workspaces: Sequence[int]) -> FactBatch:
        """The relations of these workspaces, two calls each. Deleted workspaces are in `gone`."""
        return await self._related.read(workspaces)

    async def people(self, logins: Collection[str] | None = None) -> People:
        """The names of all groups, and of all users or, one by one, of the existing ones among `logins`."""
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
        """Every user account that the server lists. One call for each 20 of them: use it rarely, not in every run."""
        return await self._directory.everybody()
