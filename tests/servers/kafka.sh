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
# The classes of a broker as this Java keeps them: half of the time and of the work of every start.
install_kafka_classes() {
  local port=$((15000 + RANDOM % 1700 * 10)) broker
  KAFKA_HOME=$CACHE/$KAFKA KAFKA_JVM_OPTIONS="-Xmx256m -XX:+UseSerialGC -XX:ArchiveClassesAtExit=$1/broker.jsa" \
    "$TESTS/harness/kafka_broker.sh" "$1/broker" "$port" >"$1/log" 2>&1 &
  broker=$!
  until grep -q 'Kafka Server started' "$1/log"; do
    kill -0 "$broker" || { cat "$1/log"; return 1; }
    sleep 0.1
  done
  kill "$broker"
  wait "$broker" || true
  rm -r "$1/broker"
}
kafka() {
  local classes
  need java:17 default-jre-headless
  install_once "$KAFKA" install_kafka
  classes=$KAFKA-classes-$(java -version 2>&1 | sha256sum | cut -c1-12)
  install_once "$classes" install_kafka_classes
  # Of the Java that is there now. One that is of another is ignored by Java itself.
  ln -sfn "../$classes/broker.jsa" "$CACHE/$KAFKA/broker.jsa"
}
kafka_path() { echo "$CACHE/$KAFKA"; }
