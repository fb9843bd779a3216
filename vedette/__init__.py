"""Vedette: camera streams in, detection events out.

This package is the contract between the stages (messages, subjects, streams, leases) and what every process
shares (configuration, the bus, the process shell). To receive events in a program of your own:

    async for event in vedette.subscribe("nats://127.0.0.1:4222", "vedette.detections.>"):
        print(event.data.camera, event.data.detections)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vedette.subscriber.subscribe import subscribe

__all__ = ["subscribe"]


def __getattr__(name: str) -> Any:
    # Lazy, so that `vedette --help` and the signal handlers of `vedette.__main__` don't wait for heavy imports.
    if name == "subscribe":
        from vedette.subscriber.subscribe import subscribe

        return subscribe
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
