"""The dashboards, a file each."""

from monitoring.dashboards import capacity, events, fleet, inference
from monitoring.panels import Dashboard, json_of

DASHBOARDS: dict[str, Dashboard] = {
    page.name: page for page in (fleet.FLEET, inference.INFERENCE, events.EVENTS, capacity.CAPACITY)
}
__all__ = ["DASHBOARDS", "json_of"]
