# The images of Vedette: docker build --target gateway|inference|inference-gpu|events .
#
# The base is the official Python image, named by tag and by the digest of its index (all platforms). A newer one:
#   docker buildx imagetools inspect python:3.11-slim-bookworm
# Python packages have the versions of requirements.lock and requirements-gpu.lock.
# Nothing is set for malloc: the processes set what they need themselves.
ARG BASE_IMAGE=docker.io/library/python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

# pip and setuptools are in this stage alone.
FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
COPY requirements.lock requirements-gpu.lock ./
COPY docker/*.txt docker/
# --system-site-packages is not set: what the base has besides Python is not in an image's environment.
RUN python3 -m venv /build/tools \
    && /build/tools/bin/pip install --constraint requirements.lock setuptools \
    && python3 -m venv --without-pip /opt/vedette

FROM build AS wheel
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY vedette vedette
COPY gateway gateway
COPY inference inference
COPY events events
RUN /build/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels .

FROM build AS gateway-packages
RUN /build/tools/bin/pip --python /opt/vedette/bin/python install --constraint requirements.lock --requirement docker/gateway.txt
COPY --from=wheel /wheels /wheels
RUN /build/tools/bin/pip --python /opt/vedette/bin/python install --no-deps /wheels/*.whl

FROM build AS inference-packages
RUN /build/tools/bin/pip --python /opt/vedette/bin/python install --constraint requirements.lock --requirement docker/inference.txt onnxruntime
COPY --from=wheel /wheels /wheels
RUN /build/tools/bin/pip --python /opt/vedette/bin/python install --no-deps /wheels/*.whl

# onnxruntime and onnxruntime-gpu share a folder: one or the other. CUDA and cuDNN are wheels, about 3 GB.
FROM build AS inference-gpu-packages
RUN grep -v '^onnxruntime==' requirements.lock > constraints.txt \
    && /build/tools/bin/pip --python /opt/vedette/bin/python install --constraint constraints.txt \
       --requirement docker/inference.txt --requirement requirements-gpu.lock
COPY --from=wheel /wheels /wheels
RUN /build/tools/bin/pip --python /opt/vedette/bin/python install --no-deps /wheels/*.whl

FROM build AS events-packages
RUN /build/tools/bin/pip --python /opt/vedette/bin/python install --constraint requirements.lock --requirement docker/events.txt
COPY --from=wheel /wheels /wheels
RUN /build/tools/bin/pip --python /opt/vedette/bin/python install --no-deps /wheels/*.whl

# What all images have in common. What a process writes lies in the three volumes; all else may be read-only.
FROM ${BASE_IMAGE} AS runtime
RUN rm -rf /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/site-packages/setuptools* \
       /usr/local/lib/python3*/site-packages/wheel* /usr/local/bin/pip* /usr/lib/python3/dist-packages/pip* /usr/bin/pip* \
    && groupadd --gid 65532 vedette \
    && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /var/lib/vedette --shell /usr/sbin/nologin vedette \
    && mkdir -p /etc/vedette /var/lib/vedette /var/cache/vedette \
    && chown vedette:vedette /var/lib/vedette /var/cache/vedette
COPY docker/healthy.py /usr/share/vedette/healthy.py
COPY LICENSE NOTICE /usr/share/vedette/
ENV PATH=/opt/vedette/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 PYTHONFAULTHANDLER=1 \
    VEDETTE_STATE=/var/lib/vedette XDG_CACHE_HOME=/var/cache HOME=/var/lib/vedette
VOLUME ["/var/lib/vedette", "/var/cache/vedette", "/tmp"]
WORKDIR /var/lib/vedette
USER 65532:65532
STOPSIGNAL SIGTERM
ENTRYPOINT ["vedette"]
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "/usr/share/vedette/healthy.py"]

FROM runtime AS gateway
LABEL org.opencontainers.image.title="vedette-gateway" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=gateway-packages /opt/vedette /opt/vedette
ENV VEDETTE_HEALTH_PORT=8080
EXPOSE 8080
CMD ["gateway", "/etc/vedette/vedette.yaml", "--listen", "0.0.0.0:8080"]

FROM runtime AS events
LABEL org.opencontainers.image.title="vedette-events" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=events-packages /opt/vedette /opt/vedette
ENV VEDETTE_HEALTH_PORT=8090
EXPOSE 8090
CMD ["events", "/etc/vedette/vedette.yaml", "--listen", "0.0.0.0:8090"]

# The bundled models lie where the configuration's `models: {path: /usr/share/vedette/models}` finds them.
FROM runtime AS inference-runtime
COPY models /usr/share/vedette/models
ENV VEDETTE_HEALTH_PORT=8000
EXPOSE 8000 8001
CMD ["inference", "/etc/vedette/vedette.yaml", "--listen", "0.0.0.0:8000"]

FROM inference-runtime AS inference-gpu
LABEL org.opencontainers.image.title="vedette-inference-gpu" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=inference-gpu-packages /opt/vedette /opt/vedette
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

FROM inference-runtime AS inference
LABEL org.opencontainers.image.title="vedette-inference" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=inference-packages /opt/vedette /opt/vedette
