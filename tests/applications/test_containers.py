"""Jobs in containers: bubblewrap for real on a busybox image, apptainer by its command line."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.bench import LIBRARY, Bench, until

pytestmark = pytest.mark.slow

SETTINGS = "backend=process\nstage=no\nmax_cpus=64\ncontainer=bwrap\nimages={images}\n"


def contained(place: Path, images: Path, input: str, image: str = "lgi/busybox:1.0", **more: object) -> Bench:
    """A job that asks for an image."""
    specifics = f"<image> {image} </image>"
    return Bench(
        place,
        SETTINGS.format(images=shlex.quote(str(images))),
        input=input.encode(),
        specifics=specifics,
        **more,
    )  # type: ignore[arg-type]


def test_a_job_runs_in_its_image_at_rundir(place: Path, images: Path) -> None:
    """What it makes there is in the job's directory; exit code and streams come back."""
    job = contained(place, images, "pwd; cat /etc/image; echo made > result; echo oops >&2; exit 5")

    output = job.finish()

    assert output == "/rundir\nbusybox 1.0\n[LGI: standard error]\noops\n[LGI: exit code 5]\n"
    assert (job.directory / "result").read_text() == "made\n"


def test_a_job_finds_its_cores_and_nothing_else_in_its_environment(place: Path, images: Path) -> None:
    """The variables of the numerical libraries, who it is, and the daemon's locale."""
    job = contained(place, images, "env | cut -d = -f 1 | sort | xargs; echo $OMP_NUM_THREADS")

    names = (
        "HOME LANG LGI_APPLICATION LGI_JOB_ID LGI_PROJECT MKL_NUM_THREADS NUMEXPR_NUM_THREADS OMP_NUM_THREADS"
    )
    assert job.finish().startswith(f"{names} OPENBLAS_NUM_THREADS PATH PWD SHLVL\n1\n")


def test_the_machine_is_out_of_the_reach_of_a_job(place: Path, images: Path) -> None:
    """It sees neither the resource's key, nor other processes, nor a network; it cannot change the image."""
    (place / "key").write_text("the key")
    job = contained(
        place,
        images,
        f"""cat "{place}/key" "$(cat LGI_key_file)"; ls /srv /root /home; touch /bin/x && echo written
            ls -d /proc/[0-9]* | wc -l; ip -o link | grep -c -v lo:""",
    )

    output = job.finish()

    assert "the key" not in output
    assert "written" not in output
    lines = output.partition("[LGI: standard error]")[0].split()
    assert int(lines[0]) < 9
    assert lines[1] == "0"


def test_the_marks_of_the_scripts_are_out_of_the_reach_of_a_job(place: Path, images: Path) -> None:
    """The marks are elsewhere: a job can neither end itself, nor change what runs outside."""
    job = contained(
        place,
        images,
        f"""mkdir -p {shlex.quote(str(place))}/records; ls -A .LGI_job; mv .LGI_job x; mkdir .LGI_job
            echo exit_code=0 > .LGI_job/end; echo 0 > .LGI_job/exit
            find / -name process -path '*state*'; exit 6""",
    )

    output = job.finish()

    assert output == "input\n[LGI: exit code 6]\n"


def test_a_container_needs_a_daemon_that_keeps_the_marks_apart(place: Path, images: Path) -> None:
    """An older daemon has the marks in the job's directory, which the container can change."""
    job = contained(place, images, "touch ran", has_state_directory=False)

    output = job.finish()

    assert "exit code 125: not started: containers need a daemon that sets LGI_STATE_DIRECTORY" in output
    assert not (job.directory / "ran").exists()


@pytest.mark.parametrize(
    "image",
    [
        "lgi/busybox",
        "../busybox:1.0",
        "lgi/../lgi/busybox:1.0",
        "/lgi/busybox:1.0",
        "lgi/busybox:../1.0",
        "lgi/busybox:.",
        "-v/:/host:1.0",
        "lgi/busybox:1.0 --bind / /host",
        "lgi/busybox:$(touch hacked)",
        "",
    ],
)
def test_an_image_is_a_name_and_a_version_and_nothing_else(place: Path, images: Path, image: str) -> None:
    """A path, an option or shell syntax is refused, with a reason for the user."""
    job = contained(place, images, "touch ran", image)

    output = job.finish()

    assert "image must be name:version such as psi4:1.5, not '" in output
    assert not (job.directory / "ran").exists()


def test_an_image_that_is_not_here_is_left_to_others(place: Path, images: Path) -> None:
    """Another resource may have it."""
    assert contained(place, images, "true", "lgi/busybox:2.0").ask("job_check_limits") == 1
    assert contained(place, images, "true").ask("job_check_limits") == 0


def test_the_administrators_image_is_used_for_jobs_that_name_no_image(place: Path, images: Path) -> None:
    """An application can be one program in one image."""
    settings = SETTINGS.format(images=shlex.quote(str(images))) + "default_image=lgi/busybox:1.0\n"

    assert Bench(place, settings, input=b"cat /etc/image").finish().startswith("busybox 1.0\n")


def test_an_abort_ends_every_process_of_the_container(place: Path, images: Path) -> None:
    """It dies with the process that started it."""
    job = contained(place, images, "trap '' TERM; setsid sleep 91827 & touch begun; sleep 91827")
    job.begin()
    until((job.directory / "begun").exists)

    assert job.ask("job_abort") == 0

    until(lambda: not running("91827"))


def running(word: str) -> list[str]:
    """Command lines with a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path.read_text()] if word in path.read_text() else []
        except OSError:
            continue
    return found


def test_apptainer_is_called_as_documented(place: Path) -> None:
    """It is not to be had here: a look-alike writes down how it was called."""
    bin, images = place / "bin", place / "images"
    bin.mkdir()
    (images / "lgi").mkdir(parents=True)
    (images / "lgi" / "busybox").mkdir()
    (images / "lgi" / "busybox" / "1.0.sif").touch()
    (bin / "apptainer").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (bin / "apptainer").chmod(0o755)
    job = contained(place, images, "true", path=[bin])
    job.settings = job.settings.replace("bwrap", "apptainer")

    words = job.finish().splitlines()

    assert words[:6] == ["exec", "--containall", "--cleanenv", "--no-home", "--pwd", "/rundir"]
    assert words[6:9] == ["--net", "--network", "none"]
    assert words[9:11] == ["--bind", f"{job.directory}:/rundir"]
    assert words[-4:-1] == [f"{images}/lgi/busybox/1.0.sif", "/bin/sh", "./.LGI_job/input"]


DIGEST = f"sha256:{'a' * 64}"


def stored(place: Path, images: Path) -> Path:
    """A directory with the image under a digest, to which its name is a link."""
    made = place / "stored"
    shutil.copytree(images / "lgi" / "busybox" / "1.0", made / ".sha256" / ("a" * 64), symlinks=True)
    name = made / "lgi" / "busybox" / "1.0"
    name.parent.mkdir(parents=True)
    name.symlink_to(f"../../.sha256/{'a' * 64}")
    return made


def test_a_job_runs_in_the_image_that_it_pins_and_is_told_so(place: Path, images: Path) -> None:
    """Whatever the name stands for when it starts; one of another digest is left to other resources."""
    images = stored(place, images)
    job = contained(place, images, "cat /etc/image; exit 5", f"lgi/busybox:1.0@{DIGEST}")

    assert job.finish() == f"busybox 1.0\n[LGI: exit code 5: image lgi/busybox:1.0@{DIGEST}]\n"
    other = contained(place, images, "true", f"lgi/busybox:1.0@sha256:{'b' * 64}")
    assert other.ask("job_check_limits") == 1


def test_a_job_that_pins_no_image_runs_in_a_stored_one_too(place: Path, images: Path) -> None:
    """Its end has no remark."""
    job = contained(place, stored(place, images), "cat /etc/image")

    assert job.finish() == "busybox 1.0\n[LGI: exit code 0]\n"


@pytest.mark.parametrize("has_digest", [True, False])
def test_a_name_that_leads_into_an_image_is_that_of_no_image(
    place: Path, images: Path, has_digest: bool
) -> None:
    """A link in one, as /var/run, would lead to a directory of this machine."""
    images = stored(place, images)
    image, opt = images / "lgi" / "busybox" / "1.0", images / ".sha256" / ("a" * 64) / "opt"
    opt.mkdir()
    (opt / "machine").symlink_to("/")
    if not has_digest:
        image.unlink()
        opt.parent.rename(image)

    job = contained(place, images, "touch ran", "lgi/busybox/1.0/opt:machine")

    assert job.ask("job_check_limits") == 1
    assert contained(place, images, "true").ask("job_check_limits") == 0


@pytest.mark.parametrize("digest", ["", "sha256:1", f"md5:{'a' * 64}", f"sha256:{'A' * 64}", "sha256:$(id)"])
def test_a_digest_is_its_digits_and_nothing_else(place: Path, images: Path, digest: str) -> None:
    """Else a job that means to be pinned would run in any image of that name."""
    images = stored(place, images)

    output = contained(place, images, "touch ran", f"lgi/busybox:1.0@{digest}").finish()

    assert "[LGI: exit code 125: not started: the digest of an image must be sha256: and 64" in output


def test_an_image_without_a_digest_is_not_pinned(place: Path, images: Path) -> None:
    """A directory that its administrator changes has none; nor has a link that leads elsewhere."""
    pinned, own = f"lgi/busybox:1.0@{DIGEST}", stored(place, images)
    assert contained(place, own, "true", pinned).ask("job_check_limits") == 0
    assert contained(place, images, "true", pinned).ask("job_check_limits") == 1

    (own / ".sha256").rename(own / "other")
    name = own / "lgi" / "busybox" / "1.0"
    name.unlink()
    name.symlink_to(own / "other" / ("a" * 64))
    assert contained(place, own, "true", pinned).ask("job_check_limits") == 1


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_an_engine_runs_a_pinned_image_by_its_id(place: Path, engine: str) -> None:
    """The name may stand for another one when the job starts. A look-alike has one image."""
    bin, number = place / "bin", "c" * 64
    bin.mkdir()
    (bin / engine).write_text(f'#!/bin/sh\n[ "$1" = image ] && echo {number} || printf "%s\\n" "$@"\n')
    (bin / engine).chmod(0o755)
    job = contained(place, place, "true", f"lgi/busybox:1.0@sha256:{number}", path=[bin])
    job.settings = job.settings.replace("bwrap", engine).replace(f"images={place}", "images=")

    output = job.finish()

    assert f"\n{number}\n/bin/sh\n" in output
    assert output.endswith(f"[LGI: exit code 0: image lgi/busybox:1.0@sha256:{number}]\n")


# When the administrator says nothing.
MOST = "<max_cpus> 1 </max_cpus>\n<max_nodes> 1 </max_nodes>\n"


def says(place: Path, settings: str, *path: Path) -> str:
    """What a script with these settings says of its capabilities."""
    script = place / "container"
    script.write_text(f"#!/bin/sh\nbackend=process\n{settings}\n. LGI_backend\n")
    script.chmod(0o755)
    environment = {"PATH": ":".join(map(str, [*path, LIBRARY, os.environ["PATH"]]))}
    command = [script, "capabilities"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_the_images_of_a_resource_are_announced(place: Path, images: Path) -> None:
    """Unpacked images are named by their directories; other files, and invalid names, are left out."""
    mine = place / "images"
    for name in (
        "psi4/1.5/bin",
        "psi4/1.6/usr",
        "Psi4/1.5/bin",
        "empty/1.0",
        "crest/2.11.2/bin/psi4/1.7/bin",
    ):
        (mine / name).mkdir(parents=True)

    shipped = says(place, f"container=bwrap images={shlex.quote(str(images))}")
    assert shipped == f"<images> lgi/busybox:1.0 </images>\n{MOST}"
    assert says(place, f"container=bwrap images={shlex.quote(str(mine))}") == (
        f"<images> crest:2.11.2, psi4:1.5, psi4:1.6 </images>\n{MOST}"
    )
    assert says(place, f"container=bwrap images={shlex.quote(str(stored(place, images)))}") == (
        "<images> lgi/busybox:1.0 </images>\n"
        f"<image_digests> lgi/busybox:1.0@{DIGEST} </image_digests>\n{MOST}"
    )
    assert says(place, "container=bwrap") == f"<images>  </images>\n{MOST}"
    assert says(place, "") == f"<images>  </images>\n{MOST}"


def test_the_images_of_an_engine_are_announced(place: Path) -> None:
    """Files of apptainer; what podman and docker have, below the prefix."""
    bin = place / "bin"
    bin.mkdir()
    (place / "lgi").mkdir()
    (place / "lgi" / "psi4").mkdir()
    (place / "lgi" / "psi4" / "1.5.sif").touch()
    for engine in ("podman", "docker"):
        (bin / engine).write_text(
            "#!/bin/sh\nprintf 'localhost/psi4:1.5\nhub.org/lgi/crest:2\n<none>:<none>\n'\n"
        )
        (bin / engine).chmod(0o755)

    assert says(place, f"container=apptainer images={shlex.quote(str(place))}") == (
        f"<images> lgi/psi4:1.5 </images>\n{MOST}"
    )
    podman = says(place, "container=podman", bin)
    assert podman == f"<images> hub.org/lgi/crest:2, psi4:1.5 </images>\n{MOST}"
    assert says(place, "container=docker images=hub.org/lgi", bin) == f"<images> crest:2 </images>\n{MOST}"


def test_images_that_cannot_be_listed_are_not_announced(place: Path) -> None:
    """An engine that fails has said nothing of images; where there are too many for a server, it says so."""
    bin, mine = place / "bin", place / "images"
    bin.mkdir()
    (bin / "podman").write_text("#!/bin/sh\necho psi4:1.5\nexit 1\n")
    (bin / "podman").chmod(0o755)
    for number in range(150):
        (mine / f"{number:03}{'x' * 200}" / "1.0" / "bin").mkdir(parents=True)

    many = says(place, f"container=bwrap images={shlex.quote(str(mine))} max_walltime=60")

    assert says(place, "container=podman", bin) == MOST
    assert many.endswith(f":1.0, ... </images>\n{MOST}<max_walltime> 60 </max_walltime>\n")
    assert 29_000 < len(many) < 32_000
