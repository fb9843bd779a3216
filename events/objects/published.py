"""What others have published already of what a scene is going to say."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Published:
    """What a predecessor may have published after it saved its scenes for the last time."""

    ids: set[str] = field(default_factory=set)
    """Of events."""
    revisions: dict[str, int] = field(default_factory=dict)
    """The highest of each object."""

    def note(self, event_id: str, revision: int) -> None:
        """An event; `revision` is 0 where it is of no object."""
        self.ids.add(event_id)
        if revision:
            object_id = event_id.partition("/")[0]
            self.revisions[object_id] = max(revision, self.revisions.get(object_id, 0))

    def latest_revision(self, object_id: str, known: int) -> int:
        """The highest of an object of which `known` is known otherwise."""
        return max(known, self.revisions.get(object_id, 0))

    def next_revision(self, event_id: str, known: int) -> int:
        """With an event more, which takes none if it is published already."""
        latest = self.latest_revision(event_id.partition("/")[0], known)
        return latest if event_id in self.ids else latest + 1
