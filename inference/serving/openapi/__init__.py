"""The OpenAPI 3.1 description of an inference process: `/openapi.json`, and `docs/openapi/inference.json`.

`vision.py`, `v2.py`, `identities.py` and `process.py` have the paths, `schemas.py` what bodies are.
`python -m inference.serving.openapi` writes the file, `--check` says whether it is stale.
"""
