"""Subjects are as the contract says, and every stream takes its own."""

import pytest

from vedette.buckets import buckets
from vedette.config.bus_settings import Retention
from vedette.consumers import clip_consumer, reader_consumer, work_consumer
from vedette.errors import MalformedMessage
from vedette.streams import stream_of, streams
from vedette.subjects import Feed, detections_filter, served_of_site, status

FEED = Feed("people", "plant-1", "gate")


def test_subjects_are_as_the_contract_says() -> None:
    assert FEED.frame == "vedette.frame.people.plant-1.gate"
    assert FEED.work == "vedette.work.people.plant-1.gate"
    assert FEED.served == "vedette.served.people.plant-1.gate"
    assert FEED.clip == "vedette.clip.people.plant-1.gate"
    assert FEED.picture == "vedette.picture.people.plant-1.gate"
    assert FEED.detections == "vedette.detections.plant-1.gate.people"
    assert status("plant-1", "gate") == "vedette.status.plant-1.gate"
    assert served_of_site("plant-1") == "vedette.served.*.plant-1.*"
    assert detections_filter(site="plant-1") == "vedette.detections.plant-1.*.*"


@pytest.mark.parametrize("subject", [FEED.frame, FEED.work, FEED.served, FEED.clip, FEED.picture])
def test_a_feed_is_read_back_from_its_subjects(subject: str) -> None:
    assert Feed.parse(subject) == FEED


@pytest.mark.parametrize("subject", ["", "vedette.work.people", "vedette.work.people.a.b.c"])
def test_a_subject_of_another_shape_is_malformed(subject: str) -> None:
    with pytest.raises(MalformedMessage):
        Feed.parse(subject)


def test_no_two_streams_take_the_same_subject() -> None:
    subjects = [subject for stream in streams(Retention()) for subject in stream.subjects or []]
    assert len(subjects) == len(set(subjects)) == 14
    assert all(subject.endswith((".>", ".*")) for subject in subjects)


def test_every_stream_and_bucket_is_bounded_and_replicated() -> None:
    for stream in streams(Retention(), replicas=3):
        assert stream.max_age
        assert stream.max_bytes
        assert stream.num_replicas == 3
    assert all((bucket.max_age or bucket.max_bytes) and bucket.num_replicas == 3 for bucket in buckets(3))


def test_the_stream_of_a_subject_is_known_where_there_is_one() -> None:
    assert stream_of("vedette.detections.>") == "DETECTIONS"
    assert stream_of("vedette.status.plant-1.*") == "STATUS"
    assert stream_of("vedette.events.>") == "EVENTS"
    for subject in ("vedette.>", "vedette.detections", "orders.new", ">"):
        with pytest.raises(ValueError, match="no stream keeps it"):
            stream_of(subject)


def test_consumers_have_fixed_names_and_end_when_nobody_uses_them() -> None:
    assert work_consumer("people").durable_name == "w-people"
    assert clip_consumer("people").durable_name == "c-people"
    for consumer in (work_consumer("p"), clip_consumer("p"), reader_consumer("r", "vedette.detections.>")):
        assert consumer.inactive_threshold
        assert consumer.max_deliver == -1
