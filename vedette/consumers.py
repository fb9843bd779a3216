"""The durable consumers: whose place in which stream each is, and how long it is kept."""

from collections.abc import Sequence

from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

DELIVERIES_PER_CLIP = 3
"""At this delivery, and later ones, a frame on which the model fails becomes a message with an error."""
ACK_WAIT_S = 2.0
"""After this long without word from its worker a token or clip is served by another."""
DELIVERIES_PER_CROP = 3
"""A crop that so many workers took and didn't answer is left alone: it may be what kills them."""
READER_ACK_WAIT_S = 30.0
"""An event that a durable reader took and did not acknowledge for so long is delivered again."""
SINK_EVENTS_IN_HAND = 256
"""Events of a sink that are with a worker and not delivered yet, at most."""
_SINK_ACK_WAIT_S = 24 * 3600.0
"""Never: who takes a sink over sets its place back to the first event that is not delivered."""
READER_FORGOTTEN_AFTER_S = 7 * 24 * 3600.0
"""A durable reader's place is kept for so long while it is away, unless the reader asks for another time."""


def reader_consumer(durable: str, subject: str, forget_after_s: float = READER_FORGOTTEN_AFTER_S) -> ConsumerConfig:
    """A reader's place in a stream: from the oldest message kept; forgotten when it was away for `forget_after_s`."""
    return ConsumerConfig(
        durable_name=durable,
        filter_subject=subject,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=READER_ACK_WAIT_S,
        max_deliver=-1,
        inactive_threshold=forget_after_s,
    )


def sink_name(site: str, sink: str) -> str:
    """Of the consumer that is a sink's place."""
    return f"s-{site}-{sink}"


def sink_consumer(site: str, sink: str, subjects: Sequence[str]) -> ConsumerConfig:
    """A sink's place in the stream of events: from what comes after it was made; forgotten after a week unused."""
    return ConsumerConfig(
        durable_name=sink_name(site, sink),
        filter_subjects=list(subjects),
        deliver_policy=DeliverPolicy.NEW,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=_SINK_ACK_WAIT_S,
        max_deliver=-1,
        max_ack_pending=SINK_EVENTS_IN_HAND,
        inactive_threshold=READER_FORGOTTEN_AFTER_S,
    )


def work_consumer(pipeline: str) -> ConsumerConfig:
    """The tokens of a pipeline. A token is never given up (`max_deliver` -1): that would block its camera."""
    return _work_queue_consumer(f"w-{pipeline}", f"vedette.work.{pipeline}.>")


def clip_consumer(pipeline: str) -> ConsumerConfig:
    """The frames of recordings for a pipeline."""
    return _work_queue_consumer(f"c-{pipeline}", f"vedette.clip.{pipeline}.>")


def crop_consumer(model: str) -> ConsumerConfig:
    """The crops for a model, of all cameras and pipelines."""
    return _work_queue_consumer(f"x-{model}", f"vedette.crop.{model}.>", DELIVERIES_PER_CROP)


def _work_queue_consumer(name: str, subject: str, max_deliver: int = -1) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=name,
        filter_subject=subject,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_S,
        max_deliver=max_deliver,
        max_waiting=512,
        max_ack_pending=10_000,
        inactive_threshold=24 * 3600,
    )
