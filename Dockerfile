# Tenkyo in a container, with its index built in. Not run by `make test`: build it once where you have Docker.
#
#   docker build -t tenkyo .
#   docker run --rm --network host tenkyo
#
# Without an API key only loopback is served, so this container shares the host's network: http://127.0.0.1:8000. With a key it can have a
# port of its own; keys, documents and answers lie in the volume:
#
#   docker run --rm -v tenkyo:/app/var tenkyo tenkyo keys add NAME
#   docker run --rm -v tenkyo:/app/var -p 8000:8000 -e TENKYO_HOST=0.0.0.0 -e TENKYO_HOSTS=tenkyo.example tenkyo
#
# PIP_ARGS goes to pip: a CPU build of torch, for example (see README.md, On another machine).
FROM python:3.11-slim
ARG PIP_ARGS=""
WORKDIR /app
RUN useradd --create-home tenkyo && chown tenkyo /app
COPY --chown=tenkyo pyproject.toml constraints.txt README.md tenkyo.py ./
COPY --chown=tenkyo api api
COPY --chown=tenkyo corpus corpus
COPY --chown=tenkyo eval eval
COPY --chown=tenkyo ingest ingest
COPY --chown=tenkyo retriever retriever
RUN pip install --no-cache-dir $PIP_ARGS -c constraints.txt -e .
ENV TENKYO_LOG_FORMAT=json
USER tenkyo
RUN tenkyo ingest
CMD ["tenkyo", "serve"]
