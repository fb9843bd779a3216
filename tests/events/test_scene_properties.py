"""What holds of any detections at all."""

import json
from collections import defaultdict

from hypothesis import given, settings
from hypothesis import strategies as st

from events.scene import Scene, SceneSettings
from events.settings import LifeSettings, Line, TrackingSettings, Zone
from tests.events.messages import found, message, shown
from vedette.messages import Detection, Detections
from vedette.object_messages import ObjectEvent

SETTINGS = SceneSettings(
    tracking=TrackingSettings(lost_s=1.5, stationary_lost_s=4.0, max_tracks=4),
    life=LifeSettings(sightings=2, stationary_s=2.0, silence_s=40.0),
    zones=(Zone("middle", ((0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7)), after_s=0.5),),
    lines=(Line("across", (0.0, 0.5), (1.0, 0.5)),),
)
places = st.sampled_from([0.0, 0.25, 0.3, 0.35, 0.4, 0.6, 0.85])


@st.composite
def detections(draw: st.DrawFn) -> Detection:
    """Few places and sizes, so that they meet."""
    x, y = draw(places), draw(places)
    width, height = draw(st.sampled_from([(0.1, 0.15), (0.12, 0.15), (0.0, 0.1), (0.15, 0.05)]))
    label = draw(st.sampled_from(["person", "car", "truck"]))
    return found((x, y, width, height), label, draw(st.sampled_from([0.25, 0.45, 0.6, 0.9])))


@st.composite
def films(draw: st.DrawFn) -> list[Detections]:
    """Frames in any order, with gaps, of any gate."""
    second, frames = 0.0, []
    for n in range(draw(st.integers(1, 25))):
        second += draw(st.sampled_from([0.2, 0.5, 0.5, 1.0, 3.0, 50.0, -2.0]))
        gate = draw(st.sampled_from(["open", "open", "open", "refresh", "onset"]))
        seq = max(0, n + draw(st.sampled_from([0, 0, 0, 0, -1, 3])))
        epoch = 1 + (n > 15)
        frames.append(message(seq, second, draw(st.lists(detections(), max_size=6)), epoch, gate=gate))
    return frames


def new_scene() -> Scene:
    return Scene("plant", "gate", "people", SETTINGS)


@settings(max_examples=60)
@given(films())
def test_every_object_begins_once_counts_its_events_and_ends_once_at_most(film: list[Detections]) -> None:
    scene = new_scene()
    events = shown(scene, [*film, message(99, 500.0, epoch=3, final=True)])
    lives = defaultdict(list)
    for event in events:
        assert isinstance(event.data, ObjectEvent)
        lives[event.data.object.id].append(event)
    for ulid, life in lives.items():
        assert [event.id for event in life] == [f"{ulid}/{n}" for n in range(1, len(life) + 1)]
        kinds = [event.kind for event in life]
        assert kinds[0] == "object.new" and kinds[-1] == "object.end"
        assert kinds.count("object.new") == kinds.count("object.end") == 1
        zones = [kind for kind in kinds if kind.startswith("zone")]
        assert zones == ["zone.enter", "zone.leave"] * (len(zones) // 2)
    assert scene.objects == () and scene.occupancy == {"middle": 0}


@settings(max_examples=40)
@given(films(), st.integers(0, 25))
def test_whoever_goes_on_from_the_state_says_the_same(film: list[Detections], cut: int) -> None:
    first = new_scene()
    events = shown(first, film[:cut])
    second = Scene.restored("plant", "gate", "people", SETTINGS, json.loads(json.dumps(first.state())))
    assert events + shown(second, film[cut:]) == shown(new_scene(), film)
    assert len(second.objects) <= 4
