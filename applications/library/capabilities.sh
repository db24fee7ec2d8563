# shellcheck shell=sh
# Capabilities of an application: the images that jobs may request, and the maximum of each request.
# LGI_explain and LGI_task list-codes show them.

# The same pattern as in requests.sh.
image_pattern='[a-z0-9][a-z0-9_-]*([./][a-z0-9_-]+)*:[A-Za-z0-9_][A-Za-z0-9._-]*'

# "..." stands for further images. When the images are unknown, as when the engine does not answer, none are printed.
capabilities() {
    . "$library/images.sh"
    if images_found=$(list_images 2> /dev/null); then
        # Bounded, since servers limit the capabilities of a resource with all its applications.
        shown=$(printf '%s\n' "$images_found" | grep -x -E "$image_pattern" | sort -u |
            awk '
                (size += length($0) + 2) < 30000 { printf "%s%s", (NR > 1 ? ", " : ""), $0; next }
                { print ", ..."; exit }')
        printf '<images> %s </images>\n' "$shown"
        print_digests
    fi
    print_max cpus "$max_cpus"
    print_max nodes "$max_nodes"
    print_max memory "$max_memory"
    print_max walltime "$max_walltime"
}

# Within the 32 KiB that the daemon reads.
print_digests() {
    pinned=$(printf '%s\n' "$shown" | sed 's/, /\n/g' | grep -x -E "$image_pattern" | digests_of 2> /dev/null |
        grep -x -E "$image_pattern@sha256:[0-9a-f]{64}" | sort -u |
        awk -v left=$((31000 - ${#shown})) '
            (size += length($0) + 2) < left { printf "%s%s", (NR > 1 ? ", " : ""), $0; next }
            { print ", ..."; exit }')
    [ -z "$pinned" ] || printf '<image_digests> %s </image_digests>\n' "$pinned"
}

print_max() {
    [ -z "$2" ] || printf '<max_%s> %s </max_%s>\n' "$1" "$2" "$1"
}

# Prints name:version of each available image, one per line. An unpacked image is a directory with /bin or /usr.
list_images() {
    case "$container${images:+ of a directory}" in
        bwrap\ *)
            find "$images/." -mindepth 2 -maxdepth 6 -path '*/./.sha256/*' -prune -o \
                -xtype d -exec test -e {}/bin -o -e {}/usr \; -print -prune |
                image_of_path
            ;;
        apptainer\ *) find "$images/." -mindepth 2 -maxdepth 6 -path '*/./.sha256/*' -prune -o -name '*.sif' -print | sed 's/\.sif$//' | image_of_path ;;
        podman* | docker*)
            stored=$(timeout -k 2 "$timeout" "$container" images --format '{{.Repository}}:{{.Tag}}') || return 1
            printf '%s\n' "$stored" | without_prefix
            ;;
    esac
}

# Converts DIRECTORY/./psi4/1.5 to psi4:1.5.
image_of_path() {
    sed 's,^.*/\./,,; s,/\([^/]*\)$,:\1,'
}
