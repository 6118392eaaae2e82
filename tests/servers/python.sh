# The Python that reads tables back: the `deltalake` package, and DuckDB to ask questions about them; and topics:
# Confluent's client, with its serializers for Avro.
PYTHON=python-$(sha256sum "$TESTS/servers/requirements.txt" | cut -c1-12)
install_python() {
  python_venv "$1"
  "$1/bin/python" -m pip install --quiet --only-binary=:all: --requirement "$TESTS/servers/requirements.txt"
  "$1/bin/python" -c 'import confluent_kafka.schema_registry.avro, deltalake, duckdb, pyarrow'
}
python() { install_once "$PYTHON" install_python; }
python_path() { echo "$CACHE/$PYTHON/bin/python"; }
