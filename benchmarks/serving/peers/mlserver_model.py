"""MLServer: a custom runtime in two parallel workers (processes) with a session each, with adaptive batching.

Its REST has no binary extension, so every tensor travels in JSON. A list of 12,288 numbers cost 7 times the inference;
base64 in a BYTES tensor is the cheapest that the protocol has there, so raw tensors and JPEGs both come that way.
Answers are JSON tensors.
"""

from typing import Any

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from work import Work


class Model(MLModel):
    async def load(self) -> bool:
        self.work = Work()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        tensor = payload.inputs[0]
        convert = self.work.tensor if tensor.name == "raw" else self.work.picture
        outputs: dict[str, Any] = self.work.run(np.stack([convert(item) for item in Base64Codec.decode_input(tensor)]))
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output(name, array) for name, array in outputs.items()]
        )
