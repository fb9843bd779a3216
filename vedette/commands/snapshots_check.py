"""What `vedette check` says of snapshots."""

from vedette.config.config import Config

_OF_AN_OBJECT = 3
"""Pictures that a person has, who walks past: the first is small, then there are better ones."""
_MEAN_CROP_BYTES = 5_000
_BYTES_A_PIXEL = 0.2
"""Of the whole picture, as a JPEG of quality 85: the mean over the bundled video."""


def snapshots_kept(config: Config) -> str:
    """Which, for how long, and how many fit."""
    snapshots, retention = config.events.snapshots, config.retention
    if not snapshots.enabled:
        return "snapshots  none"
    widths = [pipeline.frame.width for pipeline in config.pipelines.values()] or [640]
    whole_bytes = max(widths) ** 2 * 9 / 16 * _BYTES_A_PIXEL if snapshots.full else 0.0
    objects = retention.snapshots_gib * 2**30 / (_OF_AN_OBJECT * (_MEAN_CROP_BYTES + whole_bytes))
    what = "cut out, and the whole pictures" if snapshots.full else "cut out"
    about = float(f"{objects:.2g}")
    kept = f"{retention.snapshots_days:g} days, or {retention.snapshots_gib:g} GiB: some {about:,.0f} objects"
    return f"snapshots  objects {what}; {kept}"
