"""Many cameras from one clip, which count what they send: `fleet_server VIDEO CAMERAS PORT`.

They are at rtsp://127.0.0.1:PORT/cam0 and on. A JSON line a second says what they have sent in all. SIGUSR1 lets them
all fall silent; the next line tells what each of them has sent.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

from gateway.simulator.settings import SimulatedCamera, SimulatorSettings
from gateway.simulator.simulator import Simulator


async def main(video: Path, cameras: int, port: int) -> None:
    paths = [f"cam{number}" for number in range(cameras)]
    silence, ended = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, silence.set)
    loop.add_signal_handler(signal.SIGINT, ended.set)
    async with Simulator([SimulatedCamera(path, video) for path in paths], SimulatorSettings(port=port)) as simulator:
        most_late_s = 0.0
        while not ended.is_set():
            if silence.is_set():
                for path in paths:
                    simulator.stall(path)
            due_s = loop.time() + 1
            await asyncio.sleep(1)
            sent = {path: simulator.sent(path) for path in paths}
            most_late_s = max(most_late_s, loop.time() - due_s)
            said = {
                "watched": sum(simulator.viewers(path) > 0 for path in paths),
                "pictures": sum(one.pictures for one in sent.values()),
                "keyframes": sum(one.keyframes for one in sent.values()),
                "withheld": sum(one.withheld for one in sent.values()),
                "most_late_ms": round(most_late_s * 1000),
            }
            each = {path: (one.pictures, one.keyframes) for path, one in sent.items()} if silence.is_set() else None
            print(json.dumps(said | ({"each": each} if each else {})), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
