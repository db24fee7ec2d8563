# shellcheck shell=sh disable=SC2034
# The settings of an application and their defaults. A setting is a shell assignment.

# The scripts run in the C locale, so that letters, dates and numbers do not depend on the daemon's. The job gets the
# daemon's locale (environment.sh).
job_locale=${LC_ALL:-}
LC_ALL=C
export LC_ALL

# The program to run in the job's directory. Empty: the job's input is the program.
: "${program:=}"
# Whether the files of the job's repository are fetched before the job, and new ones stored after it; and the number of
# failures after which it continues without. Only failures of a server that answers are counted.
: "${stage:=yes}" "${max_stagings:=40}"

# The object stores of users that jobs may use, as "https://s3.example.org https://store.example.net:9000". Empty: none.
: "${object_stores:=}"

# The defaults of a job without these requests, and the maximum of each request. Memory is in MB for the whole job,
# walltime in seconds; empty means no request to the batch system and no limit.
: "${default_cpus:=1}" "${max_cpus:=1}"
: "${default_nodes:=1}" "${max_nodes:=1}"
: "${default_memory:=}" "${max_memory:=}"
: "${default_walltime:=}" "${max_walltime:=}"

# Options of the submit command, such as "--partition=normal --account=theor".
: "${submit_options:=}"
# In seconds: how long a status of the batch system is cached, the timeout of its commands (formerly `patience`, which
# is still read), and how long to wait for the end file of a job that the batch system reports as ended. Last, how
# often a rejected job is submitted.
: "${cache_seconds:=10}" "${timeout:=${patience:-10}}" "${grace:=30}" "${max_submissions:=5}"

# podman, docker, apptainer or bwrap. Empty: no container.
: "${container:=}"
# The place of images: a directory for bwrap and apptainer, a prefix of names for podman and docker.
: "${images:=}"
# The image of jobs without this request, and whether jobs may use the network (yes or no).
: "${default_image:=}" "${network:=no}"
# Further options of podman and docker.
: "${container_options:=}"
