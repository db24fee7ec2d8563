#!/bin/sh
# The steps of the demo with installed programs, as root: sh /job.sh set_up, sh /job.sh run WORD
set -eu
configuration=/etc/lgi/server/LGI_server.cfg

# Calls a command until it succeeds, for at most a minute.
until_it_works() {
    tries=0
    until "$@" > /root/tried 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 120 ] || { cat /root/tried /root/*.log; exit 1; }
        sleep 0.5
    done
}

# Without systemd; as its unit, it runs under an account of its own without privileges.
start_server() {
    setpriv --reuid lgi --regid lgi --init-groups --no-new-privs --inh-caps=-all \
        LGI_server $configuration > /root/server.log 2>&1 &
    until_it_works LGI_qstat -c /etc/lgi/mark.LGI
}

set_up() {
    LGI_setup grid --directory /etc/lgi --url https://localhost:8443/LGI --admin mark@laptop
    start_server
    cd /etc/lgi
    LGI_certificates listen localhost --server https://localhost:8443/LGI --register $configuration > /root/listen.log 2>&1 &
    LGI_certificates token desktop@example.org --project LGI --url https://localhost:8444 > /root/token
    # Its address and token; the words are separate ones.
    # shellcheck disable=SC2046
    until_it_works LGI_join $(grep -o 'https://[^ ]* lgi1[^ ]*' /root/token) --directory /etc/lgi/daemon -a command
    sed -i 's|<run_directory>.*</run_directory>|<run_directory> /var/lib/lgi/jobs </run_directory>|' /etc/lgi/daemon/LGI.cfg
}

offers_commands() { LGI_qstat -c /etc/lgi/mark.LGI -L | grep -q '<command>'; }

run() {
    start_server
    LGI_daemon -ft 1 -st 3 -l /var/log/lgi-daemon/LGI.log /etc/lgi/daemon/LGI.cfg > /root/daemon.log 2>&1 &
    until_it_works offers_commands
    timeout 120 LGI_run -c /etc/lgi/mark.LGI --time 10m --wait -- sh -c "echo $1 from uid \$(id -u)" ||
        { cat /var/log/lgi-daemon/LGI.log /root/server.log; exit 1; }
}

"$@"
