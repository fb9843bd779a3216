"""What `vedette check` says of a site's hub, and of a hub's sites."""

from vedette.commands.places_in_words import events_kept_days
from vedette.config.config import Config
from vedette.config.problems import Problem

_INDENT = 11


def missing_files(config: Config) -> list[Problem]:
    """Files of the uplink that are not there."""
    if config.uplink is None or config.uplink.password_file.is_file():
        return []
    text = f"{config.uplink.password_file}: no such file; `vedette site init` writes it"
    return [Problem(("uplink", "password_file"), text)]


def sites(config: Config) -> list[str]:
    """Lines of the explanation."""
    uplink, hub, lines = config.uplink, config.hub, []
    if uplink is not None:
        pictures = "; pictures can be read from there" if uplink.share_pictures else ""
        lines.append(f"uplink     {uplink.url} ← detections and events{pictures}")
    if hub is not None:
        sourced = f"detections and events of {', '.join(hub.sites) or 'no site yet'}"
        frames = f"; frames of {', '.join(hub.frames_from)}" if hub.frames_from else ""
        lines.append(f"hub        {sourced}{frames}")
    return lines


def link_may_be_away(config: Config, detections_h: float) -> list[str]:
    """How long a cut link loses nothing: as long as this site keeps what the hub has not got."""
    if config.uplink is None:
        return []
    hours = min(detections_h, events_kept_days(config) * 24)
    return [f"{'':{_INDENT}}the link to the hub may be down for {hours:.3g} h and nothing is lost"]
