"""From a raw ONNX file to a model that is served: what `vedette models add`, `build` and `verify` do.

A file is inspected before any runtime sees it (`onnx_file`, `wire`), its raw outputs are given a meaning (`heads`), its
graph becomes one that takes pictures and gives detections, scores or embeddings (`fused_graph`), which is run once in a
process of its own (`trial`) and entered into the repository (`entry`).
"""
