"""Which portraits are worth having: of each object the best that waits, where it is better than what there is. Pure.

Bounded: of an object one waits, of a partition so many objects; what falls out is counted in `dropped`.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from events.snapshots.portrait import Portrait, sharpness_share
from vedette.object_messages import Snapshot

MOST_WAITING = 512


@dataclass(slots=True)
class Best:
    """The best snapshot that is stored of an object."""

    snapshot: Snapshot | None = None
    score: float = 0.0
    sharpness: float = 0.5
    """As a share. Before the first picture of an object, half sharp."""
    next_s: float = 0.0
    """Not before then another one is taken."""


class Choice:
    """One partition's objects. Times are monotonic seconds."""

    def __init__(self, better: float, every_s: float) -> None:
        self.dropped: Counter[str] = Counter()
        """Portraits that were not taken, by reason: `busy` (too many objects wait)."""
        self._better = better
        self._every_s = every_s
        self._best: dict[str, Best] = {}
        self._waiting: OrderedDict[str, Portrait] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def waits(self, object_id: str) -> bool:
        """Whether a portrait of it has not been taken yet."""
        return object_id in self._waiting

    def best(self, object_id: str) -> Snapshot | None:
        """What there is of it."""
        known = self._best.get(object_id)
        return None if known is None else known.snapshot

    def offer(self, portrait: Portrait) -> bool:
        """Whether it waits now: it promises to be better than what is stored, and than what waited."""
        score = self._promise(portrait)
        known, waiting = self._best.get(portrait.object), self._waiting.get(portrait.object)
        if known is not None and score <= known.score * (1 + self._better):
            return False
        if waiting is not None and score <= self._promise(waiting):
            return False
        self._waiting[portrait.object] = portrait
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popitem(last=False)
            self.dropped["busy"] += 1
        return True

    def take(self, now_s: float) -> list[Portrait]:
        """The portraits of the first object whose time has come, and all others of the same picture."""
        due = next((one for one in self._waiting.values() if self._next_s(one.object) <= now_s), None)
        if due is None:
            return []
        same = [one for one in self._waiting.values() if (one.camera, one.picture) == (due.camera, due.picture)]
        for one in same:
            del self._waiting[one.object]
            self._best.setdefault(one.object, Best()).next_s = now_s + self._every_s
        return same

    def due_s(self) -> float | None:
        """When `take` has something; None: nothing waits."""
        return min(map(self._next_s, self._waiting), default=None)

    def score(self, portrait: Portrait, measured: float) -> float | None:
        """Of a portrait whose own sharpness (variance of the Laplacian) is known now; None: it is not better."""
        score = portrait.score(_share(portrait, sharpness_share(measured)))
        known = self._best.get(portrait.object)
        return None if known is not None and score <= known.score * (1 + self._better) else score

    def store(self, object_id: str, snapshot: Snapshot, score: float, sharpness: float) -> None:
        """It is stored; `sharpness` as a share."""
        best = self._best.setdefault(object_id, Best())
        if score > best.score:
            best.snapshot, best.score, best.sharpness = snapshot, score, sharpness

    def forget(self, object_id: str) -> None:
        """It has ended. What waits is taken at once; until then what there is of it is known."""
        if object_id not in self._waiting:
            self._best.pop(object_id, None)
            return
        self._waiting.move_to_end(object_id, last=False)
        self._best.setdefault(object_id, Best()).next_s = 0.0

    def keep(self, is_there: Callable[[str], bool]) -> None:
        """Forget the objects that are not there any more."""
        for object_id in [one for one in self._best if not is_there(one) and one not in self._waiting]:
            del self._best[object_id]

    def _promise(self, portrait: Portrait) -> float:
        """What its score will be, as far as can be told without the picture."""
        known = self._best.get(portrait.object)
        return portrait.score(_share(portrait, 0.5 if known is None else known.sharpness))

    def _next_s(self, object_id: str) -> float:
        known = self._best.get(object_id)
        return 0.0 if known is None else known.next_s


def _share(portrait: Portrait, otherwise: float) -> float:
    """Sharpness: the guard's, or `otherwise`."""
    return otherwise if portrait.sharpness is None else sharpness_share(portrait.sharpness)
