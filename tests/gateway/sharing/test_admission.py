"""What fits on a machine is decided by what its cameras were measured to cost."""

import pytest
from pydantic import ValidationError

from gateway.sharing.admission import Admission
from gateway.sharing.capacity import measured_capacity
from gateway.sharing.costs import CameraCosts
from gateway.sharing.sharing import way_of
from gateway.sharing.stand import Stand, stand_of
from vedette.config.camera_settings import Camera
from vedette.config.gateway_settings import Gateway
from vedette.fleet.cpu_capacity import core_speed, usable_cores


def test_an_unmeasured_camera_costs_what_measured_ones_of_its_kind_do_on_the_average() -> None:
    costs = CameraCosts()
    assert (costs.of("new", "whole"), costs.of("idle", "sparse")) == (0.04, 0.02)
    for second in range(5):
        costs.measured(second, "a", 0.1)
        costs.measured(second, "b", 0.2)
    assert costs.of("a", "whole") == 0.1
    assert costs.of("b", "whole") == 0.2
    assert costs.of("new", "whole") == pytest.approx(0.15)
    assert costs.of("idle", "sparse") == 0.02


def test_the_first_seconds_of_a_camera_are_not_believed_and_another_gateways_word_is() -> None:
    costs = CameraCosts()
    costs.measured(0.0, "a", 0.9)
    costs.measured(1.0, "a", 0.9)
    assert costs.of("a", "whole") == 0.04
    costs.told("a", 0.06)
    costs.measured(2.0, "a", 0.9)
    assert costs.of("a", "whole") == 0.06
    costs.keep(())
    assert costs.of("a", "whole") == 0.04


def test_room_is_what_cameras_leave_of_nine_tenths_of_the_capacity() -> None:
    admission = Admission(2.0)
    admission.measure(0.0, 0.0, {"a": 0.5})
    assert admission.room == pytest.approx(1.3)
    for second in range(1, 300):
        admission.measure(second, 0.9, {"a": 0.5})  # what no camera is blamed for counts too
    assert admission.room == pytest.approx(0.9, abs=0.01)


def test_a_process_that_starts_with_a_burst_takes_little_room() -> None:
    admission = Admission(2.0)
    admission.measure(0.0, 0.0, {})
    admission.measure(1.0, 1.8, {})
    assert admission.room > 1.7


def test_a_machine_is_overfull_after_half_a_minute_beyond_its_capacity_and_not_by_a_peak() -> None:
    admission, asked = Admission(1.0), []
    for second in range(100):
        admission.measure(second, 0.0, {"a": 0.7 if second == 50 else 1.1})
        asked.append(admission.is_overfull(second))
    assert [second for second, overfull in enumerate(asked) if overfull] == [30, 81]


def test_without_a_limit_there_is_always_room() -> None:
    admission = Admission(None)
    admission.measure(0.0, 64.0, {"a": 64.0})
    assert admission.room > 1e6
    assert not admission.is_overfull(1000.0)


def test_a_capacity_is_what_is_configured_or_eight_tenths_of_the_cores() -> None:
    assert measured_capacity(1.5).weight == 1.5 * core_speed()
    assert measured_capacity("auto").cores == measured_capacity("off").cores == pytest.approx(0.8 * usable_cores())
    assert (measured_capacity("auto").limited, measured_capacity("off").limited) == (True, False)
    assert Gateway.model_validate({"capacity": "2.5"}).capacity == 2.5
    for wrong in (0, -1, "much", 1e9):
        with pytest.raises(ValidationError, match="capacity"):
            Gateway.model_validate({"capacity": wrong})


def test_what_a_gateway_says_is_read_by_others_and_nonsense_is_left_out() -> None:
    said = Stand(1.5, 0.25, {"a": 0.1}, frozenset({"b"}), frozenset({"c"}))
    assert stand_of(said.detail()) == said
    for detail in (
        {},
        {**said.detail(), "weight": 0},
        {**said.detail(), "owns": ["a"]},
        {**said.detail(), "room": "nan"},
    ):
        assert stand_of(detail) is None


def test_a_camera_behind_a_gate_or_of_keyframes_is_decoded_sparsely() -> None:
    plain = {"url": "rtsp://host/a", "pipeline": "people"}
    sparse: list[dict[str, object]] = [{"gate": {"mode": "activity"}}, {"sampling": {"keyframes": True}}]
    assert way_of(Camera.model_validate(plain)) == "whole"
    assert [way_of(Camera.model_validate({**plain, **more})) for more in sparse] == ["sparse", "sparse"]
