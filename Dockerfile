# The image of every Airflow service in docker-compose.yaml; the health checks are there, one per service.

FROM python:3.11.15-slim-bookworm AS build

RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1

WORKDIR /src
# The lock is complete, so nothing is resolved here; it changes rarely, so this layer is mostly cached.
COPY requirements.txt ./
RUN pip install --no-deps --only-binary :all: --requirement requirements.txt
COPY pyproject.toml ./
COPY include/ include/
RUN pip install --no-deps --no-build-isolation . && pip check


FROM python:3.11.15-slim-bookworm

RUN groupadd --gid 50000 nightjar \
    && useradd --uid 50000 --gid 50000 --no-log-init --create-home nightjar \
    # Airflow may add files to its home, but not replace the folders of code in it.
    && install --directory --group=nightjar --mode=1775 /opt/airflow \
    # A new named volume takes the owner of the folder it is mounted on.
    && install --directory --owner=nightjar --group=nightjar \
        /opt/airflow/logs /var/lib/nightjar /var/lib/nightjar/state /var/lib/nightjar/transfer

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    NIGHTJAR_HOME=/var/lib/nightjar/state \
    NIGHTJAR_TRANSFER_DIR=/var/lib/nightjar/transfer

# The code belongs to root: what runs cannot change it.
COPY --from=build /opt/venv /opt/venv
COPY dags/ /opt/airflow/dags/
COPY plugins/ /opt/airflow/plugins/

WORKDIR /opt/airflow
USER 50000:50000
EXPOSE 8080
CMD ["airflow", "version"]
