"""The disk of a virtual machine: a small Debian with systemd, and the packages of this commit."""

import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.packages.chroot import GENTLE, ROOT, Chroot, chroot

# Made once for all commits, and once for a commit; `make clean` removes both.
CACHE = ROOT / "build" / "vm"
RELEASE = "bookworm"
# The kernel and what it boots; what builds the packages; what tests want to try with them.
PACKAGES = (
    *(
        "linux-image-cloud-amd64",
        "initramfs-tools",
        "systemd-sysv",
        "dbus",
        "libpam-systemd",
        "openssh-server",
    ),
    *("iproute2", "adduser", "logrotate", "python3", "python3-venv", "git", "mariadb-server"),
)
DISK_SIZE = "4G"
# Only what this machine has; the network and the login of tests; nothing that is of no use to them.
PREPARE = """
mkdir -p /etc/initramfs-tools/conf.d /etc/systemd/network /etc/ssh/sshd_config.d /root/.ssh
echo MODULES=list > /etc/initramfs-tools/conf.d/vm
printf '%s\\n' virtio_pci virtio_blk ext4 > /etc/initramfs-tools/modules
printf '[Match]\\nName=eth0\\n[Network]\\nAddress=10.0.2.15/24\\n' > /etc/systemd/network/vm.network
printf 'UsePAM no\\nUseDNS no\\nPermitRootLogin prohibit-password\\n' > /etc/ssh/sshd_config.d/vm.conf
apt-get update -q
"""
FINISH = """
systemctl enable -q systemd-networkd
systemctl disable -q mariadb
systemctl mask -q getty.target systemd-update-utmp.service apt-daily.timer apt-daily-upgrade.timer \\
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
apt-get clean
rm -rf /var/lib/apt/lists/*
"""


@dataclass(frozen=True)
class Image:
    """The files with which a machine boots, and the key with which root is logged in."""

    directory: Path

    @property
    def disk(self) -> Path:
        """Its root file system; machines write to copies of it."""
        return self.directory / "disk.ext4"

    @property
    def kernel(self) -> Path:
        """The kernel."""
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """What the kernel needs to find the disk."""
        return self.directory / "initrd.img"

    @property
    def key(self) -> Path:
        """A private key for ssh."""
        return self.directory / "key"

    @property
    def packages(self) -> list[Path]:
        """The Debian packages of the commit, which are installed already."""
        return sorted(self.directory.glob("*.deb"))


def missing() -> str:
    """Return what this machine lacks to make an image; empty for nothing."""
    if platform.machine() != "x86_64":
        return "a processor with the instructions of x86-64"
    programs = (
        "debootstrap",
        "unshare",
        "ip",
        "mke2fs",
        "ssh",
        "ssh-keygen",
        "qemu-system-x86_64",
        "setpriv",
    )
    return next((name for name in programs if shutil.which(name) is None), "")


def build() -> Image:
    """Return the image of the last commit, which is made when there is none."""
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    image = Image(CACHE / commit)
    if not image.directory.exists():
        for old in CACHE.glob("?" * len(commit)):
            shutil.rmtree(old)
        system = _system()
        with TemporaryDirectory(dir=CACHE) as work:
            made = Path(work, "image")
            made.mkdir()
            with chroot(RELEASE, Path(work), system) as root:
                _install(root, Image(made))
                _write(root, Image(made))
            made.rename(image.directory)
    return image


def _system() -> Path:
    """Return the archive of a system without the packages of LGI, made the first time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / f"{RELEASE}.tar"
    if not archive.exists():
        with TemporaryDirectory(dir=CACHE) as work, chroot(RELEASE, Path(work)) as root:
            root.run(PREPARE, network=True)
            root.install(*PACKAGES)
            root.run(FINISH)
            part = archive.with_suffix(".part")
            subprocess.run([*GENTLE, "tar", "-C", root.path, "--numeric-owner", "-cf", part, "."], check=True)
        part.rename(archive)
    return archive


def _install(root: Chroot, image: Image) -> None:
    """Build the packages of the commit, and install them."""
    source = root.path / "src"
    subprocess.run(["git", "clone", "-q", ROOT, source], check=True)
    root.run(
        "git config --global safe.directory '*'; cd /src; sh specs/build_deb.sh", network=True, timeout=1800
    )
    root.run("dpkg -i /src/build/deb/*.deb", timeout=900)
    for package in source.glob("build/deb/*.deb"):
        shutil.move(package, image.directory)
    shutil.rmtree(source)


def _write(root: Chroot, image: Image) -> None:
    """Write the disk, with a key of its own, and what boots it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", image.key], check=True)
    root.copy([image.key.with_suffix(".pub")], "/root/.ssh")
    root.run("mv /root/.ssh/key.pub /root/.ssh/authorized_keys; chmod 700 /root/.ssh")
    for name in (image.kernel, image.initrd):
        shutil.copy(next((root.path / "boot").glob(f"{name.name}-*")), name)
    command = ["mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root.path, image.disk, DISK_SIZE]
    subprocess.run([*GENTLE, *command], check=True, timeout=900)
