"""How many streams may be decoded whole because their scenes are new."""

from gateway.reading.beginnings import Beginnings


def test_there_is_room_for_so_many_at_a_time() -> None:
    room = Beginnings(2)
    first, second = room.begin(), room.begin()
    assert first is not None
    assert second is not None
    assert room.begin() is None
    first.end()
    first.end()  # makes no more room
    assert room.begin() is not None
    assert room.begin() is None
