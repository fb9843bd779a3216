"""ByteTrack (Zhang et al. 2022, arXiv:2110.06864) for 1 to 5 frames a second.

Its idea: confident detections are matched to tracks first; then the weak ones to the tracks that are left, as a weak
box where a track should be is that thing, half hidden, and elsewhere it is noise. Of the original it differs in what
sparse sampling asks for: time is in seconds; the gate is a distance by the track's uncertainty instead of overlap
(`association.py`); a track is kept for seconds *and* frames; what is parked stays where it stood, for long.
"""

from collections.abc import Sequence

from events.settings import TrackingSettings
from events.tracking.assignment import assign
from events.tracking.association import gains
from events.tracking.motion import Motion
from events.tracking.sighting import Sighting, covering, iou
from events.tracking.track import Step, Track, Tracks

_DOUBLE_IOU = 0.8
"""Two labels for one thing: suppression in the model is between boxes of one label."""
_TAKEN = 0.65
"""No track begins where so much of it, or of a thing that was just matched, is the other's: detectors put half a
person, or two, into one more box."""
_WEAK_REACH, _WEAK_IOU = 0.7, 0.2
_DEPARTING_REACH, _DEPARTING_IOU = 2.0, 0.1
"""What nobody else wants, half on top of a parked thing that isn't there: it drives off."""
_UNCONFIRMED_PATIENCE = 0.5
_IDLE_FRAMES, _IDLE_FRAMES_PARKED = 2, 5
"""Frames of an idle scene without it end a thing: a frame of an idle scene is sure evidence, and seldom."""

Matches = list[tuple[Track, Sighting]]


class ByteTracker:
    """Stateless but for its settings: tracks are the caller's, so that they can be stored."""

    def __init__(self, settings: TrackingSettings) -> None:
        self._settings = settings

    def step(self, tracks: Tracks, sightings: Sequence[Sighting], dt_s: float, idle: bool) -> Step:
        """Take a frame in, `dt_s` after the one before; `idle`: nothing moved in between."""
        followed = tracks.followed
        moved_s = 0.0 if idle else dt_s
        for track in followed:
            if not track.stationary:
                track.motion.advance(moved_s)
        distinct = _distinct(sightings)
        high = [sighting for sighting in distinct if sighting.confidence >= self._settings.high_confidence]
        weak = [sighting for sighting in distinct if sighting.confidence < self._settings.high_confidence]
        matched, tracks_left, high = _match([t for t in followed if t.confirmed], high)
        again, tracks_left, weak = _match(tracks_left, weak, _WEAK_REACH, _WEAK_IOU)
        fresh, fresh_left, high = _match([t for t in followed if not t.confirmed], high)
        weakly, fresh_left, _ = _match(fresh_left, weak, _WEAK_REACH, _WEAK_IOU)
        parked, tracks_left = _split(tracks_left)
        departed, parked, high = _match(parked, high, _DEPARTING_REACH, _DEPARTING_IOU)
        tracks_left += parked
        matched += again + fresh + weakly + departed
        for track, sighting in matched:
            self._take(track, sighting)
        lost = [track for track in (*tracks_left, *fresh_left) if self._is_lost(track, dt_s, idle)]
        gone = {track.id for track in lost}
        tracks.followed = [track for track in followed if track.id not in gone]
        begun, refused = self._begin(tracks, [s for s in high if not _taken(s, matched)])
        matched.sort(key=lambda match: match[0].id)
        return Step(matched, begun, lost, refused)

    def _take(self, track: Track, sighting: Sighting) -> None:
        track.motion.correct(sighting.box, sighting.confidence)
        if track.stationary:
            track.motion.stop()
        if sighting.confidence >= self._settings.high_confidence:
            track.label = sighting.label
        track.sightings += 1
        track.unseen_s, track.unseen_frames = 0.0, 0

    def _is_lost(self, track: Track, dt_s: float, idle: bool) -> bool:
        patience_s, frames = self._patience(track)
        if idle:
            track.unseen_s += patience_s / (_IDLE_FRAMES_PARKED if track.stationary else _IDLE_FRAMES)
            frames = 0
        else:
            track.unseen_s += dt_s
        track.unseen_frames += 1
        return track.unseen_s >= patience_s - 1e-6 and track.unseen_frames >= frames

    def _patience(self, track: Track) -> tuple[float, int]:
        settings = self._settings
        if track.stationary:
            return settings.stationary_lost_s, settings.lost_sightings
        if track.confirmed:
            return settings.lost_s, settings.lost_sightings
        return _UNCONFIRMED_PATIENCE * settings.lost_s, settings.lost_sightings - 1

    def _begin(self, tracks: Tracks, sightings: Sequence[Sighting]) -> tuple[Matches, int]:
        room = max(0, self._settings.max_tracks - len(tracks.followed))
        begun: Matches = []
        for sighting in sightings[:room]:
            begun.append((Track(tracks.begun, sighting.label, Motion.begun(sighting.box)), sighting))
            tracks.begun += 1
        tracks.followed += [track for track, _ in begun]
        return begun, len(sightings) - len(begun)


def _match(
    tracks: list[Track], sightings: list[Sighting], reach: float = 1.0, overlap: float = 0.0
) -> tuple[Matches, list[Track], list[Sighting]]:
    """Who goes with whom, and who is left."""
    if not tracks or not sightings:
        return [], tracks, sightings
    pairs = assign(gains([(track.motion, track.label) for track in tracks], sightings, reach, overlap))
    rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
    return (
        [(tracks[row], sightings[column]) for row, column in pairs],
        [track for row, track in enumerate(tracks) if row not in rows],
        [sighting for column, sighting in enumerate(sightings) if column not in columns],
    )


def _split(tracks: list[Track]) -> tuple[list[Track], list[Track]]:
    """The stationary ones, and the others."""
    return [track for track in tracks if track.stationary], [track for track in tracks if not track.stationary]


def _distinct(sightings: Sequence[Sighting]) -> list[Sighting]:
    """Without those that are another label's box for what a more confident one shows; the most confident first."""
    ordered = sorted(sightings, key=lambda sighting: (-sighting.confidence, sighting.index))
    if len({sighting.label for sighting in ordered}) < 2:
        return ordered
    kept: list[Sighting] = []
    for sighting in ordered:
        if not any(other.label != sighting.label and iou(other.box, sighting.box) > _DOUBLE_IOU for other in kept):
            kept.append(sighting)
    return kept


def _taken(sighting: Sighting, matched: Matches) -> bool:
    return any(covering(other.box, sighting.box) > _TAKEN for _, other in matched)
