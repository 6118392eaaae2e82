#!/usr/bin/env bash
# Kafka's own command-line tools, from the jars that `make kafka` runs:
#
#   examples/kafka-to-delta/kafka.sh topics|producer|groups ARGUMENT...
#
# They are kafka-topics.sh, kafka-console-producer.sh and kafka-consumer-groups.sh of its distribution.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kafka=${KAFKA_HOME:-$("$here/../../tests/setup.sh" kafka | cut -d= -f2)}
case ${1:-} in
  topics) class=TopicCommand ;;
  producer) class=ConsoleProducer ;;
  groups) class=consumer.group.ConsumerGroupCommand ;;
  *) sed -n '/^#   /s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
shift
exec java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="$kafka/log4j2.properties" \
  -cp "$kafka/jars/*" "org.apache.kafka.tools.$class" "$@"
