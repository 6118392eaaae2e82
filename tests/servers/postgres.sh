# PostgreSQL, of the machine or from Debian's package: initdb, postgres, psql. Without a cluster of its own.
postgres_path() {
  local newest
  newest=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1) || true
  if [ -n "$newest" ] && [ -x "$newest/initdb" ]; then echo "$newest"; return; fi
  if have initdb; then dirname "$(readlink -f "$(command -v initdb)")"; fi
}
postgres() {
  # For the certificates of the tests that speak TLS.
  need openssl openssl
  [ -n "$(postgres_path)" ] && return 0
  if [ "$(id -u)" = 0 ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  # Its programs are not in the PATH: what counts is that the package is there.
  need "file:/usr/share/doc/postgresql" postgresql
  [ -n "$(postgres_path)" ] || die "the package postgresql brought no server"
}
