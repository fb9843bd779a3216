"""Rates and quantiles between two scrapes are those that Prometheus would give."""

import math

import pytest

from vedette.top.differences import Distribution, Window, distributions, rates
from vedette.top.scrape import Scrape, parsed

HEAD = "# TYPE process_start_time_seconds gauge\n"


def scraped(at_s: float, text: str, started: float = 1.0) -> Scrape:
    return Scrape(at_s, parsed(f"{HEAD}process_start_time_seconds {started}\n{text}"))


def between(before: str, after: str, started: float = 1.0) -> Window:
    return Window.between(scraped(10.0, before), scraped(14.0, after, started))


SAMPLED = 'vedette_frames_sampled_total{{camera="{}"}} {}\n'


def test_a_counter_that_is_new_began_at_0_and_so_did_one_that_went_back() -> None:
    window = between(
        SAMPLED.format("gate", 100) + SAMPLED.format("yard", 50),
        SAMPLED.format("gate", 108) + SAMPLED.format("yard", 4) + SAMPLED.format("lobby", 12),
    )
    found = rates([window, window], "vedette_frames_sampled_total", ("camera",))
    assert found == {("gate",): 4.0, ("yard",): 2.0, ("lobby",): 6.0}, "of both processes, a second"


def test_a_process_that_was_started_anew_is_compared_with_nothing() -> None:
    restarted = between(SAMPLED.format("gate", 100), SAMPLED.format("gate", 900), started=2.0)
    assert restarted.before is None
    assert rates([restarted], "vedette_frames_sampled_total") == {}


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.25, 0.05), (0.5, 0.1), (0.7, 0.15), (0.9, 0.2), (0.95, 0.4), (1.0, 0.4)],
)
def test_quantiles_lie_evenly_in_their_bucket_and_end_at_the_last_bound(share: float, expected: float) -> None:
    taken = Distribution({0.1: 5.0, 0.2: 9.0, 0.4: 9.0, math.inf: 10.0})
    assert taken.quantile(share) == pytest.approx(expected)


def test_nothing_observed_has_no_quantile_and_no_mean() -> None:
    empty = Distribution({0.1: 0.0, math.inf: 0.0})
    assert (empty.quantile(0.5), empty.mean) == (None, None)


def test_the_histograms_of_several_processes_are_one() -> None:
    text = (
        'vedette_batch_queue_seconds_bucket{{le="0.1",model="m"}} {}\n'
        'vedette_batch_queue_seconds_bucket{{le="+Inf",model="m"}} {}\n'
        'vedette_batch_queue_seconds_sum{{model="m"}} {}\n'
    )
    first, second = between("", text.format(4, 4, 0.2)), between("", text.format(0, 12, 6.0))
    taken = distributions([first, second], "vedette_batch_queue_seconds", ("model",))["m",]
    assert taken.count == 4.0
    assert taken.mean == pytest.approx(6.2 / 16)
    assert taken.quantile(0.25) == pytest.approx(0.1)
