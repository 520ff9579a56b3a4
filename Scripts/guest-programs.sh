#!/bin/sh
# The checks of initramfs-programs.cpio (Scripts/fetch-debian-guest.sh --programs): programs that choose between
# implementations by what CPUID says. A check is right in the guest if it succeeds and prints what it printed on
# the computer that made the archive, so what it prints must not depend on the processor, on time or on chance.
#
# Usage: guest-programs.sh NAME    in a directory with the files "lines" (text), "bytes" (code) and "pieces/*"
#                                  (code, of the lengths that are their names); leaves files of its own there
#        guest-programs.sh list    the names
set -eu
export LC_ALL=C

# Easy to recognize in a dump; the checks need no secrets.
key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
vector=f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff
nonce=a0a1a2a3a4a5a6a7a8a9aaab

# GNU coreutils. md5sum to b2sum hash in C or, where Debian links it, with OpenSSL; wc and cksum have variants for
# AVX2 and PCLMULQDQ.
check_md5sum() { md5sum lines bytes pieces/*; }
check_sha1sum() { sha1sum lines bytes pieces/*; }
check_sha224sum() { sha224sum lines bytes pieces/*; }
check_sha256sum() { sha256sum lines bytes pieces/*; }
check_sha384sum() { sha384sum lines bytes pieces/*; }
check_sha512sum() { sha512sum lines bytes pieces/*; }
check_b2sum() { b2sum lines bytes pieces/*; }
check_cksum() { cksum lines bytes pieces/*; }

check_wc() {
  wc lines bytes pieces/*
  wc -l lines bytes pieces/*
}

check_sort() {
  sort lines | cksum
  sort -rn lines | cksum
  sort -u lines lines | cksum
}

check_base64() {
  base64 bytes >text
  cksum text
  base64 -d text | cmp - bytes
}

# Numbers of one and two words, and through GMP of more.
check_factor() {
  factor 18446744073709551557 618970019642690137449562111 340282366920938463463374607431768211297
  seq 99999999999999990000 99999999999999990009 | factor
  factor 8320987112741390144276341183223364380754172606361245952449277696409600000000000000
}

# Long doubles, in x87 arithmetic, to and from text.
check_long_double() {
  seq -f %.5Lg -3 0.07 90 | sort -gr | cksum
  seq 1 997 99999 | numfmt --to=iec --format=%.3f | cksum
  env printf '%a %.40g %.25f %.19g\n' 0.1 1e-4931 3.14159265358979323846264338327950288 1e300
  od -t fF -t fD -t fL -t x8 -t d2 pieces/4097
}

check_openssl_dgst() {
  for digest in md5 sha1 sha224 sha256 sha384 sha512 sha512-256 sha3-256 sha3-512 blake2b512 blake2s256 sm3; do
    openssl dgst -$digest -r lines bytes pieces/*
  done
}

# encipher CIPHER ARGUMENT...: what comes out, and that deciphering it gives the same again.
encipher() {
  openssl enc "-$@" -K $key -in bytes -out enciphered 2>errors || { cat errors >&2; return 1; }
  openssl dgst -sha256 -r enciphered
  openssl enc -d "-$@" -K $key -in enciphered -out deciphered 2>errors || { cat errors >&2; return 1; }
  cmp deciphered bytes
}

check_openssl_aes() {
  encipher aes-256-ecb
  for mode in cbc ctr cfb ofb; do
    encipher aes-256-$mode -iv $vector
  done
  # A key that is too long is cut, with a warning.
  encipher aes-128-cbc -iv $vector
  encipher aes-192-ctr -iv $vector
}

check_openssl_enc() {
  for cipher in chacha20 camellia-256-cbc aria-256-ctr; do
    encipher $cipher -iv $vector
  done
}

check_openssl_mac() {
  for file in lines bytes pieces/?5 pieces/127 pieces/128 pieces/129 pieces/511 pieces/1025; do
    openssl mac -cipher AES-256-GCM -macopt hexkey:$key -macopt hexiv:$nonce -in $file GMAC
    openssl mac -cipher AES-256-CBC -macopt hexkey:$key -in $file CMAC
    openssl mac -macopt hexkey:$key -in $file Poly1305
    openssl mac -digest SHA256 -macopt hexkey:$key -in $file HMAC
  done
}

check_openssl_kdf() {
  openssl kdf -keylen 40 -kdfopt digest:SHA512 -kdfopt pass:apus -kdfopt hexsalt:$key -kdfopt iter:500 PBKDF2
  openssl kdf -keylen 40 -kdfopt pass:apus -kdfopt hexsalt:$key -kdfopt n:256 -kdfopt r:8 -kdfopt p:1 SCRYPT
  openssl kdf -keylen 99 -kdfopt digest:SHA256 -kdfopt hexkey:$key -kdfopt hexsalt:$vector HKDF
}

# Enciphered and authenticated; the message has a random key of its own.
check_openssl_gcm() {
  for cipher in aes-128-gcm aes-256-gcm; do
    openssl cms -encrypt -$cipher -binary -in bytes -outform DER -out enciphered -secretkey $key -secretkeyid 41
    openssl cms -decrypt -binary -inform DER -in enciphered -out deciphered -secretkey $key
    cmp deciphered bytes
  done
}

# 2^521 - 1, 2^127 - 1 and a number without small factors.
check_openssl_prime() {
  openssl prime -hex "1$(printf '%0130d' 0 | tr 0 F)"
  openssl prime 170141183460469231731687303715884105727
  openssl prime 340282366920938463463374607431768211457
}

check_openssl_curves() {
  for curve in prime256v1 secp384r1 secp521r1 secp256k1; do
    openssl ecparam -name $curve -check -noout 2>&1
  done
}

# sign ALGORITHM OPTION...: signs with a new key; the signature is right for what was signed and for nothing else.
sign() {
  openssl genpkey -algorithm "$@" -out private 2>errors || { cat errors >&2; return 1; }
  openssl pkey -in private -pubout -out public
  openssl pkeyutl -sign -rawin -inkey private -in lines -out signature
  openssl pkeyutl -verify -rawin -pubin -inkey public -in lines -sigfile signature
  if openssl pkeyutl -verify -rawin -pubin -inkey public -in bytes -sigfile signature; then return 1; fi
}

check_openssl_rsa() {
  sign RSA -pkeyopt rsa_keygen_bits:2048
  openssl pkeyutl -encrypt -inkey private -in pieces/129 -out enciphered -pkeyopt rsa_padding_mode:oaep
  openssl pkeyutl -decrypt -inkey private -in enciphered -out deciphered -pkeyopt rsa_padding_mode:oaep
  cmp deciphered pieces/129
}

check_openssl_ecdsa() {
  for curve in P-256 P-384 P-521; do
    sign EC -pkeyopt ec_paramgen_curve:$curve
  done
}

check_openssl_eddsa() {
  sign ED25519
  sign ED448
  # A signature with a known key: RFC 8410's structure around the bytes 0 to 31.
  echo MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f | base64 -d >private
  openssl pkeyutl -sign -rawin -inkey private -keyform DER -in lines -out signature
  base64 signature
}

# agree ALGORITHM OPTION...: two parties arrive at the same secret.
agree() {
  for party in one other; do
    openssl genpkey -algorithm "$@" -out $party
    openssl pkey -in $party -pubout -out $party.public
  done
  openssl pkeyutl -derive -inkey one -peerkey other.public -out secret
  openssl pkeyutl -derive -inkey other -peerkey one.public -out again
  cmp secret again
}

check_openssl_ecdh() {
  agree X25519
  agree X448
  agree EC -pkeyopt ec_paramgen_curve:P-256
  agree EC -pkeyopt ec_paramgen_curve:P-384
}

# speed ARGUMENT...: how many measurements there were, all of them without an error. A measurement takes a second
# at least, which is long in a guest, unless the signal that ends it comes earlier.
speed() {
  : >measured
  openssl speed -seconds 1 "$@" >measured 2>&1 &
  while sleep 0.25 && kill -0 $! 2>/dev/null; do
    # Before its first message the program does not expect the signal.
    if grep -q '^Doing' measured; then kill -ALRM $! 2>/dev/null || :; fi
  done
  wait $! || { cat measured >&2; return 1; }
  if grep -v '^compiler:' measured | grep -i 'error\|fail' >&2; then return 1; fi
  grep -c '^Doing .*: [1-9][0-9]* .* in [0-9.]*s$' measured
}

check_openssl_speed_gcm() { speed -bytes 1024 -evp aes-256-gcm; }
check_openssl_speed_chacha20() { speed -bytes 1024 -evp chacha20-poly1305; }
check_openssl_speed_sha256() { speed -bytes 1024 -evp sha256; }
check_openssl_speed_keys() { speed rsa2048 ecdsap256; }

# Python's own tests. They print on standard error only.
check_python_math() { python3 -m unittest test.test_math; }
check_python_cmath() { python3 -m unittest test.test_cmath test.test_complex; }
check_python_float() { python3 -m unittest test.test_float; }
check_python_struct() { python3 -m unittest test.test_struct; }

if [ "$1" = list ]; then
  sed -n 's/^check_\([a-z0-9_]*\)().*/\1/p' "$0"
else
  "check_$1"
fi
