"""Triton's Python backend: two instances (processes) with a session each; `model.py` of the repository in `servers.py`.

Each request of a batch is decoded by itself and answers for itself (`InferenceResponse(error=…)`), as NVIDIA documents
it. Without that care one bad picture fails the whole `execute`.
"""

from typing import Any

import numpy as np
import triton_python_backend_utils as pb
from work import Undecodable, Work


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        self.work = Work()

    def execute(self, requests: list[Any]) -> list[Any]:
        pictures, refused = [], {}
        for index, request in enumerate(requests):
            try:
                pictures.append(self._picture(request))
            except (Undecodable, ValueError) as error:
                refused[index] = pb.TritonError(str(error), pb.TritonError.INVALID_ARG)
        outputs = self.work.run(np.concatenate(pictures)) if pictures else {}
        responses, row = [], 0
        for index, _ in enumerate(requests):
            if index in refused:
                responses.append(pb.InferenceResponse(error=refused[index]))
                continue
            tensors = [pb.Tensor(name, array[row : row + 1]) for name, array in outputs.items()]
            responses.append(pb.InferenceResponse(tensors))
            row += 1
        return responses

    def _picture(self, request: Any) -> Any:
        """[1, h, w, 3]."""
        if tensor := pb.get_input_tensor_by_name(request, "raw"):
            return tensor.as_numpy()
        return self.work.picture(pb.get_input_tensor_by_name(request, "jpeg").as_numpy()[0, 0])[None]
