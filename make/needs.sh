#!/bin/sh
# Installs what the tests need beside Python, where that is possible; says what is missing where it is not.
set -u

package_of() {
    case "$1" in
        mariadbd | mariadb-install-db) echo mariadb-server ;;
        ps) echo procps ;;
        sshd) echo openssh-server ;;
        ssh | ssh-keygen) echo openssh-client ;;
        munged) echo munge ;;
        slurmctld | slurmd | sbatch) echo slurm-wlm ;;
        bwrap) echo bubblewrap ;;
        busybox) echo busybox-static ;;
        taskset | setpriv | unshare) echo util-linux ;;
        sge_qmaster) echo gridengine-master ;;
        sge_execd) echo gridengine-exec ;;
        qconf) echo gridengine-client ;;
        certutil | pk12util) echo libnss3-tools ;;
        dockerd) echo docker.io ;;
        groff) echo groff-base ;;
        ip) echo iproute2 ;;
        rpmbuild) echo rpm ;;
        cc) echo gcc libc6-dev ;;
        qemu-system-x86_64) echo qemu-system-x86 ;;
        mke2fs) echo e2fsprogs ;;
        /usr/lib/galera/*) echo galera-4 ;;
        node) echo nodejs ;;
        swift-ring-builder) echo swift-proxy ;;
        swift-*-server) echo "${1%-server}" ;;
        nginx) echo nginx libnginx-mod-stream ;;
        *) echo "$1" ;;
    esac
}

PATH="$PATH:/usr/sbin"
missing=""
programs="mariadbd mariadb-install-db curl openssl ps sshd ssh ssh-keygen \
    munged slurmctld slurmd sbatch bwrap busybox shellcheck taskset nginx apache2 haproxy groff chromium certutil cc"
# "backends": what only `make test-backends` needs.
[ "${1:-}" != backends ] || programs="$programs sge_qmaster sge_execd qconf dockerd podman runc"
# "packages": what only `make test-packages` needs.
[ "${1:-}" != packages ] || programs="$programs debootstrap unshare ip rpmbuild lintian rpmlint"
# "vm": what only `make test-vm` needs.
[ "${1:-}" != vm ] || programs="$programs debootstrap unshare ip mke2fs qemu-system-x86_64 setpriv"
# "codes": what only `make test-codes` needs.
[ "${1:-}" != codes ] || programs="$programs mmdebstrap"
# "clients": what only `make test-clients` needs.
[ "${1:-}" != clients ] || programs="$programs node npm"
# "firefox": what only `make test-firefox` needs.
[ "${1:-}" != firefox ] || programs="$programs firefox-esr"
# "cluster": what only `make test-cluster` needs.
[ "${1:-}" != cluster ] || programs="$programs rsync /usr/lib/galera/libgalera_smm.so"
# "s3": what only `make test-s3` needs.
[ "${1:-}" != s3 ] || programs="$programs swift-ring-builder swift-proxy-server swift-account-server \
    swift-container-server swift-object-server"
for program in $programs; do
    command -v "$program" > /dev/null 2>&1 || missing="$missing $(package_of "$program")"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "Installing what the tests need:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # The tests start servers of their own: what is installed for them must not run as a service of the machine.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' > "$policy" && chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    # The word splitting is wanted: one argument a package.
    # shellcheck disable=SC2086
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } > /dev/null && exit 0
fi
echo "Some tests will be skipped. For all of them: sudo apt-get install$missing" >&2
exit 0
