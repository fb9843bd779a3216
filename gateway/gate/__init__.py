"""The activity gate: whether anything moves before a camera, told from its packets, keyframes and small pictures.

Pure: no decoder, no clock, no thread. `activity_gate.py` is the state machine and the whole interface; `scene.py` is
the differencing that it rests on, `background.py` what a scene looks like when nothing happens, `packet_sizes.py` the
early warning, `keyframe_gap.py` how blind keyframes alone leave it, `policy.py` the settings.
"""

from gateway.gate.activity_gate import ActivityGate, Mode
from gateway.gate.policy import GatePolicy

__all__ = ["ActivityGate", "GatePolicy", "Mode"]
