# Tenkyo in a container, with its index built in. Not run by `make test`: build it once where you have Docker.
#
#   docker build -t tenkyo .
#   docker run --rm --network host tenkyo
#
# Only loopback addresses are served, so the container shares the host's network: http://127.0.0.1:8000. `-p 8000:8000` alone
# reaches nothing. PIP_ARGS goes to pip: a CPU build of torch, for example (see README.md, On another machine).
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
USER tenkyo
RUN tenkyo ingest
CMD ["tenkyo", "serve"]
