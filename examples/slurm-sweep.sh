#!/bin/bash
# A sweep under SLURM: one scheduler, a worker on each core, and the sweep itself, in one job.
#
#     sbatch examples/slurm-sweep.sh lr.yaml --out /shared/lr
#
# It needs the extra `cluster` in the environment that is active, and a folder that all nodes share.
# A minute before the time limit the trials are saved and the job is queued again, to resume. The
# same happens after the failure of a node. The arguments are those of `mlp sweep`.
#SBATCH --job-name=mlp-sweep
#SBATCH --ntasks=8
#SBATCH --cpus-per-task=1
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60     # B: to this script alone, 60 seconds before the limit
#SBATCH --requeue              # the job may be started again
#SBATCH --open-mode=append     # and then continues its log
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: sbatch slurm-sweep.sh SWEEP.yaml [OPTIONS OF mlp sweep]" >&2; exit 2; }
place=$(mktemp -d "$PWD/.dask-XXXXXX") # on the shared file system
file=$place/scheduler.json
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

finish() { # the sweep first, so that its trials are stopped and saved
    trap - EXIT
    trap '' TERM INT USR1
    kill "${driver:-}" 2>/dev/null && wait "$driver" || true
    kill "${workers:-}" "${scheduler:-}" 2>/dev/null || true
    wait || true
    rm -rf "$place"
}
trap finish EXIT
trap 'finish; exit 143' TERM INT
trap 'finish; scontrol requeue "$SLURM_JOB_ID"; exit 138' USR1 # 128 + SIGUSR1

dask scheduler --scheduler-file "$file" --no-dashboard --port 0 2>"$place/scheduler.log" &
scheduler=$!
srun --overlap dask worker --scheduler-file "$file" --nthreads 1 --no-dashboard 2>"$place/workers.log" &
workers=$!
until [ -s "$file" ] || ! kill -0 "$scheduler" 2>/dev/null; do sleep 0.2; done

mlp sweep "$@" --scheduler-file "$file" &
driver=$!
status=0
wait -n "$driver" "$workers" "$scheduler" || status=$?
if kill -0 "$driver" 2>/dev/null; then
    echo "error: the workers or the scheduler have ended" >&2
    tail -n 5 "$place"/*.log >&2
    exit 3
fi
driver=
exit "$status"
