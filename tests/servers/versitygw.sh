# Versity S3 Gateway (Apache-2.0): an S3 server over a folder. Its conditional PUT, conditional DELETE,
# multipart upload and signature checks are right. Never start it with --keep-alive: 1.8.0 mixes up
# pipelined requests then.
VERSITYGW=versitygw-1.8.0
install_versitygw() { go_install "$1" github.com/versity/versitygw/cmd/versitygw@v1.8.0; }
versitygw() { install_once "$VERSITYGW" install_versitygw; }
versitygw_path() { echo "$CACHE/$VERSITYGW/versitygw"; }
