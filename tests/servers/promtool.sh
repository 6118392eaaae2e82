# promtool, which checks and tests rules of Prometheus (Apache-2.0): of the machine, or out of Debian's package, which is
# not installed, since it would start a server.
PROMTOOL=promtool-debian
install_promtool() {
  cd "$1"
  need dpkg-deb dpkg
  apt-get download prometheus || { apt-get update; apt-get download prometheus; }
  dpkg-deb -x prometheus_*.deb .
  rm prometheus_*.deb
}
promtool() { [ -n "$(type -P promtool)" ] || install_once "$PROMTOOL" install_promtool; }
promtool_path() { type -P promtool || echo "$CACHE/$PROMTOOL/usr/bin/promtool"; }
