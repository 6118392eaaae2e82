#!/usr/bin/env bash
# Runs an Apache Kafka broker, controller included, until it is killed:
#
#   tests/harness/kafka_broker.sh FOLDER PORT [KEY=VALUE...]
#
# All it has is in FOLDER, which may be empty; started again over it, it goes on. "Kafka Server started" in
# its output says that it is ready. KEY=VALUE are settings of the broker. It listens on loopback, at
#
#   PORT      without ceremony
#   PORT+1    SASL: PLAIN and SCRAM, as `tester` with the password `only-for-tests`
#   PORT+2    TLS, and PORT+3 TLS with SASL; where FOLDER has certificates (server.pem, ca.crt)
#   PORT+4    what a proxy connects to that listens on PORT+5: clients are told to come there
#   PORT+6    the controller
#
#   KAFKA_JOINS         NODE:FOLDER:PORT of another such broker: this one is its cluster's node NODE, and no controller
#   KAFKA_JVM_OPTIONS   in place of those that suit many short tests at once
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1 port=$2
shift 2
kafka=${KAFKA_HOME:-$("$here/../setup.sh" kafka | cut -d= -f2)}
options=${KAFKA_JVM_OPTIONS:--Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}
# Its classes, kept when it was installed.
[ ! -e "$kafka/classes.jsa" ] || options="-XX:SharedArchiveFile=$kafka/classes.jsa $options"

# From elsewhere it takes no keys.
allowed=$(printf '%s\n' "$@" | sed -n 's/^.*\.jwks\.endpoint\.url=//p')
[ -z "$allowed" ] || options="-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=$allowed $options"

node=1 roles=broker,controller controller=$((port + 6))
# A cluster of its own: clients tell clusters apart by this.
cluster=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_')
cluster=${cluster%==}
if [ -n "${KAFKA_JOINS:-}" ]; then
  IFS=: read -r node other other_port <<<"$KAFKA_JOINS"
  roles=broker controller=$((other_port + 6))
  cluster=$(sed -n 's/^cluster.id=//p' "$other/storage/meta.properties")
fi

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [ ! -e "$folder/storage" ]; then
  rm -rf "$folder/storage.new"
  cp -r "$kafka/storage" "$folder/storage.new"
  printf 'version=1\nnode.id=%s\ncluster.id=%s\n' "$node" "$cluster" >"$folder/storage.new/meta.properties"
  mv "$folder/storage.new" "$folder/storage"
fi

at() { echo "127.0.0.1:$((port + $1))"; }
listeners=PLAIN://$(at 0),SASL://$(at 1),BEHIND://$(at 4)
advertised=PLAIN://$(at 0),SASL://$(at 1),BEHIND://$(at 5)
[ -n "${KAFKA_JOINS:-}" ] || listeners+=,CONTROLLER://$(at 6)
secured=SASL:SASL_PLAINTEXT,TLS:SSL,SASL_TLS:SASL_SSL
tls=
if [ -e "$folder/server.pem" ]; then
  listeners+=,TLS://$(at 2),SASL_TLS://$(at 3)
  # The certificate is made out to this name.
  advertised+=,TLS://localhost:$((port + 2)),SASL_TLS://localhost:$((port + 3))
  tls="
ssl.keystore.type=PEM
ssl.keystore.location=$folder/server.pem
ssl.truststore.type=PEM
ssl.truststore.location=$folder/ca.crt
listener.name.tls.ssl.client.auth=requested"
fi
plain='org.apache.kafka.common.security.plain.PlainLoginModule required user_tester="only-for-tests";'
scram='org.apache.kafka.common.security.scram.ScramLoginModule required;'

cat >"$folder/broker.properties" <<SETTINGS
process.roles=$roles
node.id=$node
controller.quorum.voters=1@127.0.0.1:$controller
controller.listener.names=CONTROLLER
listeners=$listeners
advertised.listeners=$advertised
listener.security.protocol.map=PLAIN:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT,$secured
inter.broker.listener.name=PLAIN
$(for listener in sasl sasl_tls; do
  echo "listener.name.$listener.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
  echo "listener.name.$listener.plain.sasl.jaas.config=$plain"
  echo "listener.name.$listener.scram-sha-256.sasl.jaas.config=$scram"
  echo "listener.name.$listener.scram-sha-512.sasl.jaas.config=$scram"
done)$tls
log.dirs=$folder/storage
auto.create.topics.enable=false
# One replica, few partitions: each is files and time.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
# Tests wait for nothing that is there for large clusters.
group.initial.rebalance.delay.ms=0
# How long one that was killed and started again is taken for a stranger with its name.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
group.min.session.timeout.ms=1000
log.segment.delete.delay.ms=100
# Records of any time, which stay.
log.retention.ms=-1
log.message.timestamp.after.max.ms=9223372036854775807
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=1
log.cleaner.threads=1
# 128 MB of the heap by default.
log.cleaner.dedupe.buffer.size=8388608
$(printf '%s\n' "$@")
SETTINGS

# shellcheck disable=SC2086 # options are words
exec java $options -XX:-UsePerfData -Djava.awt.headless=true -Dlog4j2.configurationFile="$kafka/log4j2.properties" \
  -cp "$kafka/jars/*" kafka.Kafka "$folder/broker.properties"
