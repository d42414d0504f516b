#!/bin/bash
# A sweep under SLURM: one scheduler, a worker on each core, and the sweep itself, in one job.
#
#     sbatch examples/slurm-sweep.sh lr.yaml
#
# It needs the extra `cluster` in the environment that is active, and a folder that all nodes share. A job that is
# stopped by its time limit loses at most checkpoint.every_seconds; submitted again, it goes on.
#SBATCH --job-name=mlp-sweep
#SBATCH --ntasks=8
#SBATCH --cpus-per-task=1
#SBATCH --time=01:00:00
#SBATCH --signal=B:TERM@60
set -euo pipefail

sweep=${1:?usage: sbatch slurm-sweep.sh SWEEP.yaml [OPTIONS OF mlp sweep]}
shift
place=$(mktemp -d "$PWD/.dask-XXXXXX") # on the shared file system
file=$place/scheduler.json
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

finish() { # the sweep first, so that its trials are stopped and saved
    trap - EXIT TERM INT
    kill "${driver:-}" 2>/dev/null && wait "$driver" || true
    kill "${workers:-}" "${scheduler:-}" 2>/dev/null || true
    wait || true
    rm -rf "$place"
}
trap finish EXIT
trap 'finish; exit 143' TERM INT

dask scheduler --scheduler-file "$file" --no-dashboard --port 0 2>"$place/scheduler.log" &
scheduler=$!
srun --overlap dask worker --scheduler-file "$file" --nthreads 1 --no-dashboard 2>"$place/workers.log" &
workers=$!
until [ -s "$file" ]; do sleep 0.2; done

mlp sweep "$sweep" --scheduler-file "$file" "$@" &
driver=$!
status=0
wait "$driver" || status=$?
driver=
exit "$status"
