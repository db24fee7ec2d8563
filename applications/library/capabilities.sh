# shellcheck shell=sh
# Capabilities of an application: the images that jobs may request, and the maximum of each request.
# LGI_explain and LGI_task list-codes read it.

# As the pattern of an image in requests.sh.
image_pattern='[a-z0-9][a-z0-9_-]*([./][a-z0-9_-]+)*:[A-Za-z0-9_][A-Za-z0-9._-]*'

# "..." says that there are more. What is not known, as an engine that does not answer, is not told at all.
capabilities() {
    if here=$(images_here 2> /dev/null); then
        # More than this a server would not take from a resource with several applications.
        found=$(printf '%s\n' "$here" | grep -x -E "$image_pattern" | sort -u |
            awk '
                (size += length($0) + 2) < 30000 { printf "%s%s", (NR > 1 ? ", " : ""), $0; next }
                { print ", ..."; exit }')
        printf '<images> %s </images>\n' "$found"
    fi
    tell_most cpus "$max_cpus"
    tell_most nodes "$max_nodes"
    tell_most memory "$max_memory"
    tell_most walltime "$max_walltime"
}

tell_most() {
    [ -z "$2" ] || printf '<max_%s> %s </max_%s>\n' "$1" "$2" "$1"
}

# name:version of all that can be run here, a line each. An unpacked image is a directory that has /bin or /usr.
images_here() {
    case "$container${images:+ of a directory}" in
        bwrap\ *)
            find "$images/." -mindepth 2 -maxdepth 6 -type d -exec test -e {}/bin -o -e {}/usr \; -print -prune |
                image_of_path
            ;;
        apptainer\ *) find "$images/." -mindepth 2 -maxdepth 6 -name '*.sif' | sed 's/\.sif$//' | image_of_path ;;
        podman* | docker*)
            stored=$(timeout -k 2 "$timeout" "$container" images --format '{{.Repository}}:{{.Tag}}') || return 1
            printf '%s\n' "$stored" |
                prefix=${images:+$images/} awk '
                    BEGIN { prefix = ENVIRON["prefix"] }
                    prefix == "" { sub(/^localhost\//, "") }
                    index($0, prefix) == 1 { print substr($0, length(prefix) + 1) }'
            ;;
    esac
}

# DIRECTORY/./psi4/1.5 is psi4:1.5.
image_of_path() {
    sed 's,^.*/\./,,; s,/\([^/]*\)$,:\1,'
}
