# Docker's registry (Apache-2.0), which keeps OCI artifacts: of the machine, or out of Debian's package, which is not
# installed, since it would start a server.
OCI_REGISTRY=oci-registry-debian
install_oci_registry() {
  cd "$1"
  need dpkg-deb dpkg
  apt-get download docker-registry || { apt-get update; apt-get download docker-registry; }
  dpkg-deb -x docker-registry_*.deb .
  rm docker-registry_*.deb
}
oci_registry() { [ -n "$(type -P docker-registry)" ] || install_once "$OCI_REGISTRY" install_oci_registry; }
oci_registry_path() { type -P docker-registry || echo "$CACHE/$OCI_REGISTRY/usr/bin/docker-registry"; }
