//! Certificates for servers that speak TLS.

use std::path::Path;
use std::process::Command;

const SCRIPT: &str = r#"
set -e; cd "$1"
for ca in ca other-ca; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj "/CN=$ca" -addext basicConstraints=critical,CA:TRUE -keyout $ca.key -out $ca.crt
done
sign() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
    -keyout $1.key -out $1.csr
  printf 'subjectAltName=DNS:%s\nbasicConstraints=CA:FALSE\n' "$2" >$1.ext
  openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
    -extfile $1.ext -out $1.crt
}
sign server localhost
sign client "$2"
chmod 600 server.key
"#;

/// Makes `server.crt` for `localhost` and `client.crt` for `client`, signed by `ca.crt`, each with its key beside
/// it; `other-ca.crt` signed nothing.
///
/// # Panics
/// There is no `openssl`, or it fails.
pub(crate) fn make_certificates(directory: &Path, client: &str) {
    let output = Command::new("bash")
        .args(["-c", SCRIPT, "bash"])
        .arg(directory)
        .arg(client)
        .output()
        .expect("bash starts");
    assert!(
        output.status.success(),
        "openssl:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
