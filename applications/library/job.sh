# shellcheck shell=sh
# The life of one job, the same for every back-end. A back-end says how: it has the functions
#   look        sets `state` to running, ended, gone, absent (was never begun) or unknown, and `reason`
#   begin       starts the job or submits it
#   cancel      asks for its end
#   is_there    whether the back-end answers at all
#
# Marks in the job's directory, in .LGI_job, which no container sees:
#   exit        it has ended: the exit code, or "-" when there is none, and a line why
#   started     made by the job itself where it runs: it runs once
#   stdout, stderr, input

own=.LGI_job
# What the daemon takes for "try it again", and no failure of ours: EX_TEMPFAIL.
later=75

# Brings home what is elsewhere, where there is no common file system.
fetch() {
    :
}

has_ended() {
    [ -e $own/exit ]
}

# end CODE WHY: the first to say it is right, also when the job's own mark arrives just now.
end() {
    mkdir -p $own
    printf '%s\n%s\n' "$1" "$2" > "$own/exit.$$"
    ln "$own/exit.$$" $own/exit 2> /dev/null
    rm -f "$own/exit.$$"
}

check_system_limits() {
    is_there
}

job_check_limits() {
    . "$library/wishes.sh"
    read_wishes
    # A wish that is no wish anywhere is accepted, to be answered with a message; one beyond our means is not.
    [ -n "$mistake" ] || [ -z "$excess" ]
}

job_prologue() {
    mkdir -p $own && chmod 700 $own || return 1
    ! has_ended || return 0
    # LGI_stage leaves the mark "staged" itself, with what it has fetched.
    [ -e $own/staged ] || [ "$stage" != yes ] || stage_in
}

stage_in() {
    LGI_stage in > $own/stage.log 2>&1
    code=$?
    [ $code -ne 0 ] || return 0
    failed_often $code || return $later
    end - "the files of the repository could not be fetched, it did not run: $(told $own/stage.log)"
}

job_run() {
    ! has_ended || return 0
    . "$library/wishes.sh"
    . "$library/payload.sh"
    read_wishes
    if [ -n "$mistake$excess" ]; then
        end - "it did not run: $mistake$excess"
    else
        begin
    fi
}

# Unknown is running: the job stays as it is. Finished and idle are said only of what is known.
job_check_running() {
    ! has_ended || return 1
    look
    case "$state" in
        running | unknown)
            [ ! -e $own/missed ] || rm -f $own/missed
            return 0
            ;;
        absent) return 1 ;;
    esac
    settle
}

# The back-end says it is over, the job's own mark is not there. It may take a while over a network file system.
settle() {
    now=$(date +%s)
    first=
    { read -r first < $own/missed; } 2> /dev/null
    case "$first" in
        '' | *[!0-9]*)
            first=$now
            echo "$now" > $own/missed
            ;;
    esac
    fetch
    ! has_ended || return 1
    [ $((now - first)) -ge "$grace" ] || return 0
    # What its batch system holds for ever, or a container that has lost its parent, is still there.
    cancel
    end - "the job ended without a word of its own: ${reason:-nothing is known of it any more}"
    return 1
}

job_check_finished() {
    has_ended
}

job_epilogue() {
    . "$library/output.sh"
    lacking=
    if [ "$stage" = yes ] && [ -e $own/staged ]; then
        # Made before: whatever becomes of the files, what it has said and how it ended is reported.
        write_output 'the job was ended before they were'
        stage_out || return $later
    fi
    write_output "$lacking"
}

stage_out() {
    LGI_stage out > $own/stage.log 2>&1
    code=$?
    [ $code -ne 0 ] || return 0
    failed_often $code || return $later
    lacking=$(told $own/stage.log)
}

# failed_often CODE: LGI_stage says 2 when it will not succeed; what the server is in trouble with, 1, lasts
# longer than a few looks; and while it is away, $later, nothing is lost however long that is.
failed_often() {
    [ "$1" -ne $later ] || return 1
    echo "$1" >> $own/stage_failures
    [ "$(grep -c 2 $own/stage_failures)" -ge 3 ] || [ "$(grep -c 1 $own/stage_failures)" -ge "$max_stagings" ]
}

# told FILE: a message in one line.
told() {
    tr -s '\n' ' ' < "$1" | head -c 500
}

# 0 only when it is really gone: then nothing of it may start later either, so its place is taken.
job_abort() {
    mkdir -p $own
    if ! has_ended; then
        mkdir $own/started 2> /dev/null
        is_over || return 1
        # Its own word, if it had time for one, is that of a job that was told to end.
        rm -f $own/exit
        end - aborted
    fi
    . "$library/output.sh"
    write_output ''
}

is_over() {
    for pause in 0.2 0.6 0; do
        look
        case "$state" in
            ended | gone | absent) return 0 ;;
            running) cancel ;;
            *) return 1 ;;
        esac
        sleep "$pause"
    done
    return 1
}
