#!/usr/bin/env bash
# certificates.sh FOLDER: an authority for one test, and what it signed: server.pem for the name
# soundalike.test, client.pem for spiffe://soundalike.test/player; and a token with its file.
set -euo pipefail
cd "$1"

curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${curve[@]}" -keyout authority.key -out authority.pem -days 2 \
    -subj "/CN=an authority for one test" -addext "basicConstraints=critical,CA:TRUE" \
    -addext "keyUsage=critical,keyCertSign" 2>/dev/null

sign() {
    local name=$1 subject=$2
    openssl req "${curve[@]}" -keyout "$name.key" -out "$name.csr" -subj "/CN=$name" 2>/dev/null
    printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$subject" >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA authority.pem -CAkey authority.key -CAcreateserial \
        -days 2 -extfile "$name.ext" -out "$name.pem" 2>/dev/null
}
sign server DNS:soundalike.test
sign client URI:spiffe://soundalike.test/player

openssl rand -hex 24 >token
printf 'player:%s\n' "$(cat token)" >tokens
