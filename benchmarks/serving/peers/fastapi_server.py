"""The naive endpoint: FastAPI, uvicorn with two processes, uvloop and httptools; each request runs alone.

The handlers are `async def` and infer within the loop: with one session a process a thread pool would only add two
switches of threads (0.41 against 0.9 ms a request for the tiny model), and nothing else could run in the meantime.
Raw tensors come and go as plain bytes.
"""

import os

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from work import Undecodable, Work, detections

app = FastAPI()
work = Work()


@app.get("/ready")
async def ready() -> dict[str, bool]:
    return {"ready": True}


@app.post("/raw")
async def raw(request: Request) -> Response:
    outputs = work.run(work.tensor(await request.body())[None])
    return Response(outputs["scores"].tobytes(), media_type="application/octet-stream")


@app.post("/jpeg")
async def jpeg(request: Request) -> dict[str, object]:
    try:
        picture = work.picture(await request.body())
    except Undecodable as error:
        raise HTTPException(400, str(error)) from error
    return detections(work.run(picture[None]), 0)


if __name__ == "__main__":
    uvicorn.run(
        "fastapi_server:app",
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        workers=2,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
