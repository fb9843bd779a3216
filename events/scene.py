"""One camera and pipeline: its detections in, its events out. Pure: no clock, no bus; the same input gives the same.

    scene = Scene(site, camera, pipeline, settings)
    for event in scene.see(detections, event_id):
        publish(event)

A replay from the beginning, or one that goes on from `state()`, gives the same events with the same ids; so an events
worker may publish again what its predecessor has published, and doubles fall away.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

from events.objects.announcer import Announcer, SceneEvent
from events.objects.life_cycle import LifeCycle, begun
from events.objects.published import Published
from events.objects.tracked_object import Crossed
from events.picture_judge import PictureJudge
from events.scene_state import LastFrame, SceneState, dumped, loaded
from events.settings import SceneSettings
from events.snapshots.portrait import Portrait
from events.tracking.byte_tracker import ByteTracker
from events.tracking.sighting import Sighting, box_of
from events.tracking.track import Track, Tracker
from events.zones.places import Places
from vedette.messages import Detection, Detections
from vedette.object_messages import INPUT_CHANGE, InputChange, ObjectState, Snapshot

__all__ = ["Scene", "SceneEvent", "SceneSettings"]

_INTERVAL_RATE = 0.2
_MOST_LATE = 250
"""After so many messages in a row that are before the newest by (epoch, seq), and after it by capture time, that one is
not believed any more: it was forged, or the leases, whose revisions epochs are, were made anew."""
_IDLE_GATES = ("refresh", "onset")


class Scene:
    """What happens before one camera.

    `counts` says what was left out, by reason: `late` (a frame of an older epoch, or before the newest), `repeated`,
    `missing` (numbers that were skipped: superseded frames), `failed`, `rejected`, `masked`, `refused` (too many
    tracks), `flicker` (tracks that never became an object).
    """

    def __init__(
        self,
        site: str,
        camera: str,
        pipeline: str,
        settings: SceneSettings,
        tracker: Tracker | None = None,
        published: Published | None = None,
    ) -> None:
        """`published`: what others have said of it already, as far as that is known."""
        self.counts: Counter[str] = Counter()
        self.published = published or Published()
        self._site, self._camera, self._pipeline = site, camera, pipeline
        self._settings = settings
        self._tracker = tracker or ByteTracker(settings.tracking)
        self._life = LifeCycle(settings.life)
        self._places = Places(settings)
        self._judge = PictureJudge(settings.picture)
        self._state = SceneState()

    @classmethod
    def restored(
        cls,
        site: str,
        camera: str,
        pipeline: str,
        settings: SceneSettings,
        state: dict[str, Any],
        published: Published | None = None,
    ) -> "Scene":
        """Go on from another scene's `state()`; the settings may be others.

        Raises:
            ValueError: the state is of another version, or damaged.
        """
        scene = cls(site, camera, pipeline, settings, published=published)
        scene._state = loaded(state)
        for seen in scene._state.objects.values():
            scene._places.forget_others(seen)
            seen.revision = scene.published.latest_revision(seen.id, seen.revision)
        return scene

    def state(self) -> dict[str, Any]:
        """All that it remembers, as JSON has it."""
        return dumped(self._state)

    @property
    def order(self) -> tuple[int, int]:
        """(epoch, seq) of the newest message; (-1, -1) before the first."""
        return self._state.order

    @property
    def objects(self) -> tuple[ObjectState, ...]:
        """The objects that subscribers know, as they are after the newest frame."""
        if self._state.last is None:
            return ()
        announcer = self._announcer(self._state.last)
        motions = {track.id: track.motion for track in self._state.tracks.followed}
        known = (seen for seen in self._state.objects.values() if seen.is_confirmed)
        return tuple(announcer.state_of(seen, motions[seen.track]) for seen in known)

    @property
    def sighted(self) -> tuple[ObjectState, ...]:
        """What the newest frame shows, with what is not confirmed and may never be."""
        state = self._state
        if state.last is None:
            return ()
        announcer = self._announcer(state.last)
        there = [track for track in state.tracks.followed if state.objects[track.id].last_s >= state.now_s]
        return tuple(announcer.state_of(state.objects[track.id], track.motion) for track in there)

    def portraits(self, detections: Detections) -> tuple[Portrait, ...]:
        """The objects that subscribers know as these detections show them, which are the newest."""
        state, frame = self._state, detections.frame
        if frame.picture is None or state.order != (frame.epoch, frame.seq):
            return ()
        found = {one.bbox for one in detections.detections}
        sharpness = None if detections.input is None else detections.input.sharpness
        where = self._site, self._camera, self._pipeline
        return tuple(
            Portrait(*where, seen.id, seen.label, seen.name, seen.confidences[-1], seen.bbox, frame, sharpness)
            for seen in state.objects.values()
            if seen.is_confirmed and seen.last_s >= state.now_s and seen.bbox in found
        )

    def pictured(self, object_id: str, snapshot: Snapshot) -> SceneEvent | None:
        """The event of an object's new snapshot; None: it has ended."""
        state = self._state
        motions = {track.id: track.motion for track in state.tracks.followed}
        for seen in state.objects.values():
            if seen.id == object_id and state.last is not None:
                return self._announcer(state.last).pictured(seen, motions[seen.track], snapshot)
        return None

    @property
    def known(self) -> dict[str, str | None]:
        """Ids of the objects that subscribers know, and who they are where they were recognised."""
        return {seen.id: seen.name for seen in self._state.objects.values() if seen.is_confirmed}

    @property
    def moving(self) -> int:
        """Objects that move and were in the newest frame: the gate had better stay open for them."""
        state = self._state
        return sum(
            seen.is_confirmed and not seen.stillness.stationary and seen.last_s >= state.now_s
            for seen in state.objects.values()
        )

    @property
    def interval_s(self) -> float:
        """Between frames, as a slow mean."""
        return self._state.interval_s

    @property
    def occupancy(self) -> dict[str, int]:
        """Objects in each zone."""
        inside = Counter(zone for seen in self._state.objects.values() for zone in seen.zones_inside)
        return {name: inside[name] for name in self._places.zone_names}

    def see(self, detections: Detections, event_id: str) -> list[SceneEvent]:
        """Take the next message in, whose CloudEvent has the id `event_id`; the events that follow from it, in order.

        A message that is not after the newest by (epoch, seq) is counted and gives none.
        """
        frame, state = detections.frame, self._state
        captured_s = frame.captured_at.timestamp()
        if not self._is_next(frame.epoch, frame.seq, captured_s):
            return []
        gap_s = max(0.0, captured_s - state.captured_s) if state.last is not None else 0.0
        events = list(self._silence(state.now_s + gap_s))
        state.now_s = state.now_s + gap_s if state.last is not None else captured_s
        state.captured_s = captured_s
        state.last = LastFrame(frame, detections.model)
        events += self._input(detections, event_id)
        if self._shows(detections):
            events += self._track(detections, event_id)
        if frame.final:
            events += self._end_all("final")
        return events

    def tick(self, now: dt.datetime) -> list[SceneEvent]:
        """Time has passed without frames, until `now` in capture time: after `silence_s` all objects end.

        The events are those that the next frame would give, whenever this is called; so nothing depends on calling it
        often.
        """
        state = self._state
        if state.last is None:
            return []
        return list(self._silence(state.now_s + now.timestamp() - state.captured_s))

    def _is_next(self, epoch: int, seq: int, captured_s: float) -> bool:
        state = self._state
        if (epoch, seq) <= state.order and state.late < _MOST_LATE:
            self.counts["repeated" if (epoch, seq) == state.order else "late"] += 1
            state.late += captured_s > state.captured_s
            return False
        state.late = 0
        if epoch == state.order[0] and seq > state.order[1]:
            self.counts["missing"] += seq - state.order[1] - 1
        state.order = epoch, seq
        return True

    def _shows(self, detections: Detections) -> bool:
        """Whether the message says what is there and what isn't."""
        if detections.error is not None:
            self.counts["failed"] += 1
            return False
        if detections.input is not None and detections.input.verdict == "rejected" and not detections.detections:
            self.counts["rejected"] += 1
            return False
        return True

    def _silence(self, now_s: float) -> Iterator[SceneEvent]:
        """Nothing was seen for so long that nothing is known any more."""
        if self._state.seen_s and now_s - self._state.seen_s > self._settings.life.silence_s:
            yield from self._end_all("silence")

    def _input(self, detections: Detections, event_id: str) -> Iterator[SceneEvent]:
        picture, measured = self._state.picture, detections.input
        if measured is None:
            return
        previous = picture.conditions
        if self._judge.see(picture, measured, self._state.now_s):
            change = InputChange(
                site=self._site,
                camera=self._camera,
                pipeline=self._pipeline,
                frame=detections.frame,
                conditions=picture.conditions,
                previous=previous,
                luminance=measured.luminance,
                sharpness=measured.sharpness,
            )
            yield SceneEvent(INPUT_CHANGE, f"{event_id}/{INPUT_CHANGE}", change, detections.frame.captured_at)

    def _track(self, detections: Detections, event_id: str) -> Iterator[SceneEvent]:
        state = self._state
        aspect = detections.frame.width / detections.frame.height
        dt_s, idle = self._elapsed(detections.frame.gate)
        found = detections.detections
        step = self._tracker.step(state.tracks, self._sightings(found, aspect), dt_s, idle)
        self.counts["refused"] += step.refused
        announcer = self._announcer(LastFrame(detections.frame, detections.model))
        for track in step.lost:
            yield from self._end(track, "lost", announcer)
        for track, sighting in step.begun:
            detection = found[sighting.index]
            seen = begun(track, event_id, sighting.index, detection, state.now_s, state.captured_s, aspect)
            state.objects[track.id] = seen
        for track, sighting in (*step.matched, *step.begun):
            yield from self._follow(track, sighting, found[sighting.index], aspect, announcer)

    def _elapsed(self, gate: str) -> tuple[float, bool]:
        """Seconds since the frame before as tracks age, and whether the scene was idle in between."""
        state = self._state
        dt_s = state.now_s - state.seen_s if state.seen_s else 0.0
        state.seen_s = state.now_s
        if gate in _IDLE_GATES:
            return min(dt_s, state.interval_s), gate == "refresh"
        if dt_s > 0:
            state.interval_s += _INTERVAL_RATE * (min(dt_s, 2 * state.interval_s) - state.interval_s)
        return dt_s, False

    def _sightings(self, found: tuple[Detection, ...], aspect: float) -> list[Sighting]:
        sightings = [
            Sighting(index, one.label, one.confidence, box_of(one.bbox, aspect))
            for index, one in enumerate(found)
            if one.bbox[2] > 0 and one.bbox[3] > 0 and not self._places.hides(one.label, one.bbox)
        ]
        self.counts["masked"] += len(found) - len(sightings)
        return sightings

    def _follow(
        self, track: Track, sighting: Sighting, detection: Detection, aspect: float, announcer: Announcer
    ) -> Iterator[SceneEvent]:
        seen, motion, now_s = self._state.objects[track.id], track.motion, self._state.now_s
        seen.see(track, sighting, detection, now_s, self._settings.life)
        seen.path.extend(now_s - seen.first_s, _bottom(detection.bbox), motion.size / aspect, aspect)
        yield from self._life.confirm(seen, motion, announcer)
        track.confirmed = seen.is_confirmed
        for change in self._places.see(seen, motion, aspect, now_s):
            inside = 0 if isinstance(change, Crossed) else self.occupancy[change.zone]
            yield self._life.place(change, seen, motion, inside, announcer)
        yield from self._life.identify(seen, detection, motion, announcer)
        yield from self._life.update(seen, motion, announcer)

    def _end(self, track: Track, reason: str, announcer: Announcer) -> Iterator[SceneEvent]:
        seen = self._state.objects.pop(track.id)
        if not seen.is_confirmed:
            self.counts["flicker"] += 1
            return
        for left in self._places.leave(seen):
            yield self._life.place(left, seen, track.motion, self.occupancy[left.zone], announcer)
        yield self._life.end(seen, track.motion, reason, announcer)

    def _end_all(self, reason: str) -> Iterator[SceneEvent]:
        state = self._state
        if state.last is None:
            return
        announcer = self._announcer(state.last)
        for track in state.tracks.followed:
            yield from self._end(track, reason, announcer)
        state.tracks.followed = []

    def _announcer(self, last: LastFrame) -> Announcer:
        return Announcer(
            self._site, self._camera, self._pipeline, last.frame, last.model, self._state.now_s, self.published
        )


def _bottom(bbox: tuple[float, float, float, float]) -> tuple[float, float]:
    return bbox[0] + bbox[2] / 2, bbox[1] + bbox[3]
