#!/usr/bin/env bash
# Train on several GPUs, of one machine or of several, by MMPose's own training script.
#
#     tools/dist_train.sh CONFIG GPUS [arguments of MMPose's tools/train.py]
#
# On several machines start it on each, with the same NNODES, MASTER_ADDR and PORT, and with
# NODE_RANK from 0. On one machine `mim train … --launcher pytorch --gpus GPUS` does the same.
set -euo pipefail

if [ $# -lt 2 ]; then
    echo "usage: $0 CONFIG GPUS [arguments of MMPose's tools/train.py]" >&2
    exit 2
fi
config=$1
gpus=$2
shift 2
train=$(python -c 'import os, mmpose
print(os.path.join(os.path.dirname(mmpose.__file__), ".mim", "tools", "train.py"))' | tail -n 1)

exec torchrun --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" "$train" "$config" --launcher pytorch "$@"
