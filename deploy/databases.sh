#!/bin/sh
# First start of the PostgreSQL container: a role and a database for the store, and others for the warehouse's catalogue.
# Neither role can reach the other's database, and neither is a superuser.
set -eu
for name in moorage lake; do
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set name="$name" --set secret="$(cat "/run/secrets/${name}_password")" \
        --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'secret';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
done
