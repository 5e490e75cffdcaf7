# One image for every command: `docker run IMAGE up`, `web`, `worker`, `migrate`, `backup`, ...
FROM python:3.11-slim-bookworm AS build
WORKDIR /opt/moorage
COPY requirements.lock pyproject.toml ./
RUN python3 -m venv .venv
RUN .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes --requirement requirements.lock
COPY . .
RUN .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
RUN .venv/bin/python -m compileall -q app collectors models pages provisioner

FROM python:3.11-slim-bookworm
WORKDIR /opt/moorage
COPY --from=build /opt/moorage /opt/moorage
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin moorage
RUN install -d -o moorage -g moorage -m 0700 /data
ENV PATH=/opt/moorage/.venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 MOORAGE_DATA=/data MOORAGE_HOST=0.0.0.0 MOORAGE_PORT=8600 HOME=/data
USER 10001
VOLUME ["/data", "/tmp"]
EXPOSE 8600
HEALTHCHECK --interval=15s --timeout=4s --start-period=180s --retries=4 CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['MOORAGE_PORT'] + '/healthz', timeout=3)"]
ENTRYPOINT ["moorage"]
CMD ["up"]
