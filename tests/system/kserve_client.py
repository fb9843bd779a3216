"""What a program with the `kserve` SDK does; run in an environment of its own: python kserve_client.py HTTP GRPC."""

import asyncio
import sys
from typing import Any

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig

PICTURES = np.full((2, 4, 4, 3), (10, 30, 20), np.uint8)


def asked(model: str, binary: bool) -> Any:
    images = InferInput(name="images", shape=[2, 4, 4, 3], datatype="UINT8")
    images.set_data_from_numpy(PICTURES, binary_data=binary)
    return InferRequest(model_name=model, infer_inputs=[images], request_id="42")


def check(answer: Any) -> None:
    assert answer.id == "42"
    assert answer.outputs[0].as_numpy().tolist() == [[10, 30, 20]] * 2


async def main(http: str, grpc: str) -> None:
    rest = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
    assert await rest.is_server_live(http)
    assert await rest.is_server_ready(http)
    assert await rest.is_model_ready(http, "colours")
    remote = InferenceGRPCClient(url=grpc)
    assert await remote.is_server_live()
    assert await remote.is_server_ready()
    assert await remote.is_model_ready("colours")
    for binary in (False, True):
        check(await rest.infer(http, asked("colours", binary), model_name="colours"))
        check(await remote.infer(asked("colours", binary)))
    for failing in (rest.infer(http, asked("others", True), model_name="others"), remote.infer(asked("others", True))):
        try:
            await failing
        except Exception as error:  # noqa: BLE001 -- httpx's and grpc's
            assert "404" in str(error) or "NOT_FOUND" in str(error), error
        else:
            raise AssertionError("an unknown model was answered")
    print("all well")


if __name__ == "__main__":
    asyncio.run(main(f"http://{sys.argv[1]}", sys.argv[2]))
