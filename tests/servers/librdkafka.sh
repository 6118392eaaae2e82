# What every build with the feature `kafka` compiles librdkafka with, not the tests alone.
librdkafka() {
  need cc build-essential
  need make make
  need pkg-config pkg-config
  need header:openssl/ssl.h libssl-dev
  need header:zlib.h zlib1g-dev
}
librdkafka_path() { pkg-config --variable=includedir openssl; }
