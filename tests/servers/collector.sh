# An OpenTelemetry Collector (Apache-2.0) with what the tests need: OTLP comes in by HTTP and gRPC, and goes into a file.
# Its modules and their hashes stand in the folder beside.
COLLECTOR_SOURCE=$TESTS/servers/collector
COLLECTOR=collector-$(cat "$COLLECTOR_SOURCE"/{go.mod,go.sum,main.go} | sha256sum | cut -c1-12)
install_collector() { go_build "$1/collector" "$COLLECTOR_SOURCE"; }
collector() { install_once "$COLLECTOR" install_collector; }
collector_path() { echo "$CACHE/$COLLECTOR/collector"; }
