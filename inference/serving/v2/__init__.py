"""The Open Inference Protocol, version 2, with Triton's extensions: `rest.py` and `grpc.py` translate, `inference.py`
answers.

Specification: https://github.com/kserve/open-inference-protocol and, of the extensions (binary tensor data,
classification, model repository, schedule policy, parameters),
https://github.com/triton-inference-server/server/tree/main/docs/protocol.
"""
