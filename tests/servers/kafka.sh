# Apache Kafka: its jars (Apache-2.0) from Maven Central, and a formatted storage folder that every broker
# begins as a copy of. The harness' kafka_broker.sh runs one.
KAFKA_VERSION=4.3.1
KAFKA_LOG4J_VERSION=2.25.4
KAFKA=kafka-$KAFKA_VERSION-1
install_kafka() {
  maven_jars "$1/jars" \
    "org.apache.kafka:kafka_2.13:$KAFKA_VERSION" "org.apache.kafka:kafka-tools:$KAFKA_VERSION" \
    "org.apache.logging.log4j:log4j-slf4j-impl:$KAFKA_LOG4J_VERSION" \
    "org.apache.logging.log4j:log4j-core:$KAFKA_LOG4J_VERSION"
  cat >"$1/log4j2.properties" <<'LOG'
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c)%n
# "Kafka Server started" is what the harness waits for.
logger.started.name = kafka.server.KafkaRaftServer
logger.started.level = INFO
LOG
  # Formatted once: a JVM less for each broker. The accounts are those of the harness.
  cat >"$1/format.properties" <<FORMAT
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:9093
listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
controller.listener.names=CONTROLLER
log.dirs=$1/storage
FORMAT
  java -Xmx128m -Dlog4j2.configurationFile="$1/log4j2.properties" -cp "$1/jars/*" kafka.tools.StorageTool format \
    --cluster-id AAAAAAAAAAAAAAAAAAAAAA --config "$1/format.properties" \
    --add-scram 'SCRAM-SHA-256=[name=tester,password=only-for-tests]' \
    --add-scram 'SCRAM-SHA-512=[name=tester,password=only-for-tests]'
  rm "$1/format.properties"
}
install_kafka_classes() {
  local port=$((15000 + RANDOM % 1700 * 10))
  KAFKA_HOME=$CACHE/$KAFKA KAFKA_JVM_OPTIONS="-Xmx256m -XX:+UseSerialGC -XX:ArchiveClassesAtExit=$1/classes.jsa" \
    run_until "$1" 'Kafka Server started' "$TESTS/harness/kafka_broker.sh" "$1/broker" "$port"
  rm -r "$1/broker"
}
kafka() {
  need java:17 default-jre-headless
  install_once "$KAFKA" install_kafka
  java_classes "$KAFKA" install_kafka_classes
}
kafka_path() { echo "$CACHE/$KAFKA"; }
