"""Folders in workspaces: with a depth of n, documents lie n folders deep, one branch for each type of document.

Estates know no folders (docs/estates.md) and real workspaces nearly always hold some, made by their template. They are
derived: a folder's number tells workspace, branch and level, so that no table has to be kept. A branch that holds nothing
yet is there all the same, as a template's empty folders are.
"""

from __future__ import annotations

from collections.abc import Mapping

from vigil.sandbox.world.ids import DEEPEST, Family, IdPlan
from vigil.sandbox.world.state import Node, Touch, WorldDocument, WorldFolder, WorldState, WorldWorkspace

UNTYPED = "Correspondence"


class Folders:
    """`depth` 0 (documents lie in the workspace itself) to DEEPEST; those of the types in `without` lie there at any depth. `touch`:
    which changes of documents move a folder's date. `types`: workspace type -> its document types.
    """

    def __init__(self, state: WorldState, ids: IdPlan, types: Mapping[str, tuple[str, ...]]) -> None:
        self.depth = 0
        self.without: frozenset[str] = frozenset()
        self.touch = Touch.CREATED
        self._state = state
        self._ids = ids
        self._types = types
        self._branches = max((len(names) for names in types.values()), default=0) + 1  # the last: no type

    def within(self, node: WorldWorkspace | WorldFolder) -> list[Node]:
        """What a workspace or one of its folders holds."""
        if isinstance(node, WorldWorkspace):
            if not self.depth:
                return list(node.documents.values())
            return [*(self._folder(node, branch, 0) for branch in self._used(node)), *self._at_root(node)]
        if node.level < self.depth - 1:
            return [self._folder(node.workspace, node.branch, node.level + 1)]
        return [d for d in node.workspace.documents.values() if self._branch(d) == node.branch]

    def size(self, node: WorldWorkspace | WorldFolder) -> int:
        if isinstance(node, WorldWorkspace):
            return len(self._used(node)) + len(self._at_root(node)) if self.depth else len(node.documents)
        return len(self.within(node))

    def holding(self, document: WorldDocument) -> int:
        """The id of the container that a document lies in."""
        return self.home(document.workspace, document.type)

    def home(self, workspace: WorldWorkspace, kind: str | None) -> int:
        """The id of the container for documents of a type."""
        if not self.depth or kind in self.without:
            return workspace.id
        branch = self._branches - 1 if kind is None else self._types[workspace.type.name].index(kind)
        return self._id(workspace, branch, self.depth - 1)

    def all(self, workspace: WorldWorkspace) -> list[int]:
        """The ids of all folders of a workspace."""
        return [self._id(workspace, b, level) for b in self._used(workspace) for level in range(self.depth)]

    def modified(self, folder: WorldFolder) -> int:
        """Quirk 29: the last document that was made in the folder itself moved its date; what changes later does not (24)."""
        workspace = folder.workspace
        if folder.level < self.depth - 1 or self.touch is Touch.NONE:
            return workspace.created
        every = self.touch is Touch.ALL
        held = [
            d.modified if every else d.created
            for d in workspace.documents.values()
            if self._branch(d) == folder.branch
        ]
        gone = [
            at
            for kind, at in (workspace.last_added or {}).items()
            if self._branch_of(workspace, kind) == folder.branch
        ]
        return max([workspace.created, *held, *gone])

    def folder(self, place: int) -> WorldFolder | None:
        """The folder with this place in its family of ids, None when there is none."""
        rest, level = divmod(place, DEEPEST)
        number, branch = divmod(rest, self._branches)
        workspace = self._state.placed(number)
        if workspace is None or level >= self.depth or branch not in self._used(workspace):
            return None
        return self._folder(workspace, branch, level)

    def _used(self, workspace: WorldWorkspace) -> list[int]:
        types = self._types[workspace.type.name]
        return [*(n for n, name in enumerate(types) if name not in self.without), self._branches - 1]

    def _at_root(self, workspace: WorldWorkspace) -> list[WorldDocument]:
        return [d for d in workspace.documents.values() if d.type in self.without] if self.without else []

    def _branch(self, document: WorldDocument) -> int:
        return self._branch_of(document.workspace, document.type)

    def _branch_of(self, workspace: WorldWorkspace, kind: str | None) -> int:
        return self._branches - 1 if kind is None else self._types[workspace.type.name].index(kind)

    def _folder(self, workspace: WorldWorkspace, branch: int, level: int) -> WorldFolder:
        names = (*self._types[workspace.type.name], UNTYPED)
        name = names[min(branch, len(names) - 1)] if level == 0 else f"Part {level}"
        parent = workspace.id if level == 0 else self._id(workspace, branch, level - 1)
        return WorldFolder(self._id(workspace, branch, level), workspace, branch, level, name, parent)

    def _id(self, workspace: WorldWorkspace, branch: int, level: int) -> int:
        place = (workspace.place * self._branches + branch) * DEEPEST + level
        return self._ids.of(Family.FOLDER, place)
