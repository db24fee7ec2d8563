# shellcheck shell=sh
# Digests of images. bwrap and apptainer have an image under its digest, $images/.sha256/HEX (with .sif for apptainer), if
# NAME/VERSION or NAME/VERSION.sif is a link to it, as image_store makes it. That of podman and docker is the id of the image.

# stored_digest PATH: prints the digest of an image, nothing without one.
stored_digest() {
    [ -h "$1" ] || return 0
    target=$(readlink -f "$1")
    folder=${target%/*} target=${target##*/}
    target=${target%.sif}
    case "$folder" in */.sha256) ! is_hexadecimal "$target" || printf 'sha256:%s\n' "$target" ;; esac
}

is_hexadecimal() {
    case "$1" in *[!0-9a-f]*) return 1 ;; esac
    [ ${#1} -eq 64 ]
}

# engine_digest NAME: prints the id of an image of podman or docker.
engine_digest() {
    found=$(timeout -k 2 "$timeout" env -u LGI_DAEMON_REFERENCE "$container" image inspect --format '{{.Id}}' "$1" 2> /dev/null) || return 0
    found=${found#sha256:}
    ! is_hexadecimal "$found" || printf 'sha256:%s\n' "$found"
}

# Prints name:version@digest of each name:version of standard input that has a digest.
digests_of() {
    case "$container" in
        podman | docker)
            timeout -k 2 "$timeout" "$container" images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | without_prefix |
                sed -n 's/^\([^ ]*\) \(sha256:\)\{0,1\}\([0-9a-f]\{64\}\)$/\1@sha256:\3/p'
            return
            ;;
        apptainer) suffix=.sif ;;
        *) suffix= ;;
    esac
    while read -r name; do
        digest=$(stored_digest "$images/${name%:*}/${name##*:}$suffix")
        [ -z "$digest" ] || printf '%s@%s\n' "$name" "$digest"
    done
}

# Removes the prefix of the names of podman and docker, and the names without it.
without_prefix() {
    prefix=${images:+$images/} awk '
        BEGIN { prefix = ENVIRON["prefix"] }
        prefix == "" { sub(/^localhost\//, "") }
        index($0, prefix) == 1 { print substr($0, length(prefix) + 1) }'
}
