"""What is seen: from metrics as text to the lines of a terminal of any size."""

import pytest
from rich.cells import cell_len
from rich.console import Console

from vedette.top.differences import Window
from vedette.top.look import Look, Process, look, process
from vedette.top.scrape import Scrape, parsed
from vedette.top.tables import SORTS, tables

GATEWAY = """\
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total {cpu}
process_resident_memory_bytes 1.048576e+08
vedette_decode_process_load{{process="decode-0"}} 0.5
vedette_camera_up{{camera="gate"}} 1
vedette_camera_up{{camera="yard"}} 0
vedette_camera_frame_age_seconds{{camera="gate",pipeline="people"}} 0.25
vedette_camera_frame_age_seconds{{camera="yard",pipeline="people"}} 0
vedette_camera_decode_cpu_seconds_total{{camera="gate"}} {cpu}
vedette_frames_sampled_total{{camera="gate",pipeline="people"}} {frames}
vedette_frames_superseded_total{{camera="gate",pipeline="people"}} {some}
vedette_frames_dropped_total{{camera="gate",reason="bus_slow",hop="gateway"}} {some}
vedette_frame_stage_seconds_bucket{{le="0.01",pipeline="people",stage="decode"}} {frames}
vedette_frame_stage_seconds_bucket{{le="+Inf",pipeline="people",stage="decode"}} {frames}
vedette_frame_stage_seconds_sum{{pipeline="people",stage="decode"}} {cpu}
"""
WORKER = """\
# TYPE vedette_sessions_in_service gauge
vedette_sessions_in_service{{model="coco",version="1.0.0"}} 2
vedette_batch_size_bucket{{le="+Inf",model="coco"}} {batches}
vedette_batch_size_sum{{model="coco"}} {pictures}
model_inference_latency_seconds_bucket{{le="0.1",model="coco",protocol="live",version="1.0.0"}} {batches}
model_inference_latency_seconds_bucket{{le="+Inf",model="coco",protocol="live",version="1.0.0"}} {batches}
model_inference_latency_seconds_sum{{model="coco",protocol="live",version="1.0.0"}} {busy}
vedette_inference_requests_total{{model="coco",protocol="live",status="ok",version="1.0.0"}} {pictures}
vedette_frames_inferred_total{{camera="gate",pipeline="people"}} {pictures}
"""


def window(text: str, before: dict[str, float], after: dict[str, float]) -> Window:
    first, second = (parsed(text.format(**values)) for values in (before, after))
    return Window.between(Scrape(0.0, first), Scrape(10.0, second))


def seen() -> Look:
    gateway = window(GATEWAY, {"cpu": 1.0, "frames": 0, "some": 0}, {"cpu": 3.0, "frames": 100, "some": 25})
    worker = window(
        WORKER, dict.fromkeys(("batches", "pictures", "busy"), 0.0), {"batches": 20, "pictures": 75, "busy": 5}
    )
    away = Process("events", "127.0.0.1:8090", None, None, "connection refused")
    return look([gateway, worker], [*process("gateway", "127.0.0.1:8080", gateway), away])


def drawn(what: Look, width: int, height: int | None, sort: str = "name") -> list[str]:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(tables(what, "Vedette, site plant-1", ["the bus is away: no answer"], sort, width, height))
    return capture.get().splitlines()


def test_the_metrics_of_all_processes_make_one_picture() -> None:
    found = seen()
    gate, yard = found.cameras
    assert (gate.up, gate.sampled_per_s, gate.inferred_per_s, gate.superseded_share) == (True, 10.0, 7.5, 0.25)
    assert (gate.age_ms, gate.cpu, gate.dropped_per_s) == (250.0, 0.2, 2.5)
    assert (yard.up, yard.age_ms, yard.superseded_share) == (False, None, None)
    (model,) = found.models
    assert (model.versions, model.batch, model.batches_per_s, model.busy) == ("1.0.0", 3.75, 2.0, 0.25)
    assert (model.infer_p50_ms, model.protocols) == (50.0, {"live": 7.5})
    stages = {stage.name: stage for stage in found.stages}
    assert (stages["decode"].p50_ms, stages["decode"].mean_ms, stages["infer"].per_s) == (5.0, 20.0, 2.0)
    gateway, decode, events = found.processes
    assert (gateway.cpu, gateway.memory_mib, decode.name, decode.cpu) == (0.2, 100.0, "gateway decode-0", 0.5)
    assert events.away == "connection refused"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
def test_a_narrow_terminal_shows_less_and_never_breaks_a_line(width: int) -> None:
    lines = drawn(seen(), width, None)
    assert max(map(cell_len, lines)) <= width
    for name in ("gateway", "decode", "gate", "coco"):
        assert any(line.startswith(name) for line in lines), name
    assert any("superseded" in line for line in lines) == (width >= 60)
    assert any("infer p95" in line for line in lines), "the last one to be left out"


def test_cameras_that_are_too_many_for_the_terminal_are_counted() -> None:
    found = seen()
    many = [*found.cameras, *(found.cameras[1] for _ in range(200))]
    lines = drawn(Look(found.processes, found.stages, many, found.models), 100, 40)
    shown = sum(line.startswith(("gate ", "yard ")) for line in lines)
    assert 20 < shown < 40
    left_out = next(number for number, line in enumerate(lines) if "more" in line)
    assert lines[left_out].startswith(f"… and {202 - shown} more")
    assert left_out < 40, "what is below it is cut off by the terminal"
    assert any("events is away: connection refused" in line for line in lines[:3])


@pytest.mark.parametrize("sort", SORTS)
def test_the_worst_camera_comes_first(sort: str) -> None:
    first = next(line for line in drawn(seen(), 100, None, sort) if line.startswith(("gate ", "yard ")))
    assert first.startswith("yard" if sort == "down" else "gate")
