#!/bin/bash
# A grid on a cluster: 8 array tasks, each with every eighth cell and a store of its own.
#
#   sbatch examples/slurm.sh
#   opscore runs sync runs/shard-1 runs && ... && opscore runs sync runs/shard-8 runs
#
# A task that was killed or ran out of time goes on from what it finished: submit the same again.
# Without a cluster the same parts run one after the other:
#   for i in $(seq 8); do SLURM_ARRAY_TASK_ID=$i bash examples/slurm.sh; done
#
#SBATCH --job-name=opscore
#SBATCH --array=1-8
#SBATCH --cpus-per-task=2
#SBATCH --mem=8G
#SBATCH --time=02:00:00
#SBATCH --requeue

set -euo pipefail

parts=${SLURM_ARRAY_TASK_COUNT:-8}
part=${SLURM_ARRAY_TASK_ID:?set by SLURM, or by hand}
grid=${GRID:-examples/grid.toml}
out=${OUT:-runs}

exec opscore batch "$grid" --runs "$out/shard-$part" --shard "$part/$parts" \
  --jobs "${SLURM_CPUS_PER_TASK:-1}" --retries 1 --quiet
