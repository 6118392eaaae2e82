#!/usr/bin/env bash
# Makes the topic `orders` with four partitions, if it is not there, and writes the orders of the quick start to it:
#
#   examples/kafka-to-delta/fill.sh [SERVERS [TIMES]]     default: localhost:9092, once; 0 times makes the topic alone
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
servers=${1:-localhost:9092} times=${2:-1}

"$here/kafka.sh" topics --bootstrap-server "$servers" --create --if-not-exists --topic orders --partitions 4 >/dev/null
[ "$times" -gt 0 ] || exit 0

# A record is one line. Its key is the customer, so that the orders of one customer stay in order in one partition;
# a line that names no customer has no key.
for ((time = 0; time < times; time++)); do
  sed -E 's/^(.*"customer":\{"id":"([^"]*)".*)$/\2\t\1/; t; s/^/-\t/' "$here/../quickstart/orders.jsonl"
done | "$here/kafka.sh" producer --bootstrap-server "$servers" --topic orders \
  --reader-property parse.key=true --reader-property null.marker=-
