#!/bin/sh
# Makes the secrets that docker-compose.yml needs, once. What is there already stays: keep a copy of the folder,
# for without AUDIT_KEY the audit can't be proved, and without the passwords the data can't be opened.
set -eu
umask 077
cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
cd secrets

secret() {
  if [ -s "$1" ]; then
    echo "kept  $1"
  else
    od -An -N "$2" -tx1 /dev/urandom | tr -d ' \n' >"$1.new"
    mv "$1.new" "$1"
    echo "made  $1"
  fi
}
text() {
  if [ -s "$1" ]; then
    echo "kept  $1"
  else
    printf '%s' "$2" >"$1.new"
    mv "$1.new" "$1"
    echo "made  $1"
  fi
}

secret jwt_secret 48
secret audit_key 48
secret metrics_token 32
secret mongo_password 24
secret mongo_keyfile 96
secret redis_password 24
secret grafana_password 12
text mongodb_uri "mongodb://backoffice:$(cat mongo_password)@mongo:27017/backoffice?replicaSet=rs0&authSource=admin"
text redis_url "redis://:$(cat redis_password)@redis:6379"
# Each process reads its own as another user than you. The folder keeps everybody else out.
chmod 644 ./*
