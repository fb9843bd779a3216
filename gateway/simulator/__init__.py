"""Cameras for those who have none at hand: video files served over RTSP, as real cameras would.

The packets go out as they are in the file, over TCP (through HTTP too) and UDP, without any decoding; a file is read
and packetised once, whatever the number of its viewers. A simulated camera also fails on demand: it stalls, sends late,
sends garbage, vanishes, changes its resolution. ``vedette simulate`` and the demo play videos with it, and the
gateway's tests break cameras with it.
"""

from gateway.simulator.errors import AddressTaken, SimulatorError, UnsupportedCodec, VideoError
from gateway.simulator.settings import Credentials, SimulatedCamera, SimulatorSettings
from gateway.simulator.simulator import Simulator

__all__ = [
    "AddressTaken",
    "Credentials",
    "SimulatedCamera",
    "Simulator",
    "SimulatorError",
    "SimulatorSettings",
    "UnsupportedCodec",
    "VideoError",
]
