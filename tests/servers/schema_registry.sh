# Apicurio Registry (Apache-2.0), which keeps schemas in memory and speaks the API of Confluent's Schema Registry
# below /apis/ccompat/v7. Of its versions, 2.6 runs on Java 17.
SCHEMA_REGISTRY_VERSION=2.6.13.Final
SCHEMA_REGISTRY=apicurio-$SCHEMA_REGISTRY_VERSION
install_schema_registry() {
  maven_file "$1" "io.apicurio:apicurio-registry-app:$SCHEMA_REGISTRY_VERSION:tar.gz:all"
  tar -xzf "$1"/*.tar.gz -C "$1"
  rm "$1"/*.tar.gz
  mv "$1"/*-runner.jar "$1/registry.jar"
}
install_schema_registry_classes() {
  local port=$((15000 + RANDOM % 17000))
  run_until "$1" 'Installed features' java -Xmx256m -XX:+UseSerialGC "-XX:ArchiveClassesAtExit=$1/classes.jsa" \
    -Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$port" -jar "$CACHE/$SCHEMA_REGISTRY/registry.jar"
}
schema_registry() {
  need java:17 default-jre-headless
  install_once "$SCHEMA_REGISTRY" install_schema_registry
  java_classes "$SCHEMA_REGISTRY" install_schema_registry_classes
}
schema_registry_path() { echo "$CACHE/$SCHEMA_REGISTRY"; }
