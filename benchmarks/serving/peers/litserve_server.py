"""LitServe: two workers (processes) with a session each.

Bodies are taken as bytes, not as base64 in JSON; answers come back over ZeroMQ (`fast_queue`). One API server: a second
process for HTTP would take a core from the workers. BATCH and WINDOW_MS as `servers.py` says. A bad picture is refused
as LitServe documents it: `decode_request` raises HTTPException.
"""

import os
from typing import Annotated, Any

import litserve
import numpy as np
from fastapi import Body, HTTPException, Response
from fastapi.responses import JSONResponse
from work import Undecodable, Work, detections

RAW = os.environ["KIND"] == "raw"
BATCH = int(os.environ["BATCH"])
Bytes = Annotated[bytes, Body(media_type="application/octet-stream")]


class Api(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.work = Work()

    def decode_request(self, request: Bytes) -> Any:
        try:
            return self.work.tensor(request) if RAW else self.work.picture(request)
        except Undecodable as error:
            raise HTTPException(400, str(error)) from error

    def batch(self, inputs: list[Any]) -> Any:
        return np.stack(inputs)

    def predict(self, x: Any) -> Any:
        outputs = self.work.run(x if BATCH > 1 else x[None])
        rows = [
            {name: array[row : row + 1] for name, array in outputs.items()} for row in range(len(outputs["scores"]))
        ]
        return rows if BATCH > 1 else rows[0]

    def unbatch(self, output: Any) -> Any:
        return output

    def encode_response(self, output: Any) -> Response:
        if RAW:
            return Response(output["scores"].tobytes(), media_type="application/octet-stream")
        return JSONResponse(detections(output, 0))


if __name__ == "__main__":
    api = Api(max_batch_size=BATCH, batch_timeout=float(os.environ["WINDOW_MS"]) / 1000)
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=2, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )
