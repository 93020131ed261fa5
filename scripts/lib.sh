# lib.sh: what the scripts share.  To be sourced by bash, with "set -euo pipefail".

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
pg_config=${PG_CONFIG:-pg_config}

# Who started "make" has settings that must not reach the servers and the makes
# started here
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGSERVICE PGOPTIONS PGPASSFILE PGDATA
unset PGCLIENTENCODING PGAPPNAME PGSSLMODE PGTARGETSESSIONATTRS
export LC_ALL=C.UTF-8 PGTZ=UTC PGUSER=postgres

die()
{
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# PostgreSQL refuses to run as root: an unprivileged user does it then.
if [ "$(id -u)" = 0 ]; then
    server_user=postgres
    id -u "$server_user" >/dev/null 2>&1 || server_user=nobody
else
    server_user=$(id -un)
fi

# as_server COMMAND…: runs it as the user the private server runs as
as_server()
{
    if [ "$(id -u)" = 0 ]; then
        runuser -u "$server_user" -- "$@"
    else
        "$@"
    fi
}

# new_folder NAME: a folder of the server's user, under /tmp whatever TMPDIR
# says: the path of a socket has at most 107 bytes, and the server's user must
# reach it
new_folder()
{
    as_server mktemp -d "/tmp/pinterest_$1.XXXXXX"
}

# install_into FOLDER [SOURCE]: builds, and installs below FOLDER/inst instead of
# where all servers of this machine look
install_into()
{
    local source=${2:-$top}

    make -s -j2 -C "$source" PG_CONFIG="$pg_config" >&2
    make -s -C "$source" install DESTDIR="$1/inst" PG_CONFIG="$pg_config" >/dev/null
    chmod -R a+rX "$1/inst"
}

# write_settings FOLDER: the file FOLDER/settings.conf makes any cluster find what
# install_into put there.  extension_destdir is Debian's, extension_control_path
# that of release 18; other servers find only what "make install" put into them.
write_settings()
{
    local bin

    bin=$("$pg_config" --bindir)
    {
        echo "listen_addresses = ''"
        if as_server "$bin/postgres" --describe-config 2>/dev/null |
            grep '^extension_destdir' >/dev/null; then
            echo "extension_destdir = '$1/inst'"
            echo "dynamic_library_path = '$1/inst$("$pg_config" --pkglibdir):\$libdir'"
        elif [ "$("$bin/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge 18 ]; then
            echo "extension_control_path = '$1/inst$("$pg_config" --sharedir):\$system'"
            echo "dynamic_library_path = '$1/inst$("$pg_config" --pkglibdir):\$libdir'"
        elif [ ! -f "$("$pg_config" --sharedir)/extension/pinterest_pipeline.control" ]; then
            die "this server has neither extension_destdir nor extension_control_path: make install first"
        fi
    } >"$1/settings.conf"
    chmod a+r "$1/settings.conf"
}

# start_cluster FOLDER: makes and starts a cluster in FOLDER/data, the socket in
# FOLDER, for this user only (the folder is not open to others).  The port is but
# part of the socket's name, so any is free.
start_cluster()
{
    local bin

    bin=$("$pg_config" --bindir)
    as_server "$bin/initdb" -D "$1/data" -U postgres -A trust -N -E UTF8 --locale=C.UTF-8 \
        >"$1/initdb.log" 2>&1 || { cat "$1/initdb.log" >&2; die "initdb failed"; }
    {
        cat "$1/settings.conf"
        echo "unix_socket_directories = '$1'"
        echo "fsync = off"
        echo "timezone = 'UTC'"
        echo "jit = off"
    } >>"$1/data/postgresql.conf"
    as_server "$bin/pg_ctl" -D "$1/data" -l "$1/server.log" -o "-p 5432" -w -t 60 start >/dev/null ||
        { tail -n 20 "$1/server.log" >&2; die "the server did not start"; }
}

# stop_cluster FOLDER: stops the server there, if one runs, and removes the folder.
# Root stops another user's as that user: a folder never goes before its server.
stop_cluster()
{
    local server_user=$server_user control

    case $1 in /tmp/pinterest_*) ;; *) die "not a folder of ours: $1" ;; esac
    if [ -d "$1/data" ]; then
        server_user=$(stat -c %U "$1/data")
        control=$("$pg_config" --bindir)/pg_ctl
        if as_server "$control" -D "$1/data" status >/dev/null 2>&1; then
            as_server "$control" -D "$1/data" -m immediate -w stop >/dev/null ||
                die "could not stop the server in $1"
        fi
    fi
    rm -rf "$1"
}

# sql FOLDER [psql's arguments]: psql there; as oneself, so that output files and
# terminals are one's own
sql()
{
    local folder=$1

    shift
    "$("$pg_config" --bindir)/psql" -X -q -v ON_ERROR_STOP=1 -h "$folder" -p 5432 "$@"
}
