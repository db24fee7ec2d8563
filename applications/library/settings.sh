# shellcheck shell=sh disable=SC2034
# What an application may set, and what holds when it does not. Sourced, so a setting is a shell assignment.

# In these scripts nothing else decides what counts as a letter, or how a date and a number look. The job gets the
# daemon's locale (surroundings.sh).
job_locale=${LC_ALL:-}
LC_ALL=C
export LC_ALL

# The program to run in the job's directory. Empty: the job's input itself, as a script.
: "${program:=}"
# Whether the files of the job's repository are fetched before, and new ones stored after; and after how many
# failures of a server that answers the job goes on without. While it does not answer nothing is counted.
: "${stage:=yes}" "${max_stagings:=40}"

# What a job gets when its specifics do not say, and the most it may ask for. Memory is in MB for the whole job,
# walltime in seconds; empty means that nothing is asked of the batch system and nothing is limited.
: "${default_cpus:=1}" "${max_cpus:=1}"
: "${default_nodes:=1}" "${max_nodes:=1}"
: "${default_memory:=}" "${max_memory:=}"
: "${default_walltime:=}" "${max_walltime:=}"

# Words for the submit command, such as "--partition=normal --account=theor".
: "${submit_options:=}"
# In seconds: the age up to which a status of the batch system is used, the timeout of its commands (`patience`, its
# former name, is still read), and how long to wait for the end file of a job that the batch system reports as
# ended. And how often a rejected job is submitted.
: "${cache_seconds:=10}" "${timeout:=${patience:-10}}" "${grace:=30}" "${max_submissions:=5}"

# podman, docker, apptainer or bwrap; empty: no container.
: "${container:=}"
# Where name:version is: a directory for bwrap and apptainer, a prefix for podman and docker.
: "${images:=}"
# The image of a job that names none, and whether jobs may use the network.
: "${default_image:=}" "${network:=no}"
# More words for podman and docker.
: "${container_options:=}"
