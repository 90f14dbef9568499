#!/bin/sh
# All that a short turn on a GPU is for, in one command under nine minutes; small files in OUT.
#   benchmarks/speed/gpu.sh OUT [ROADSCENE]
# ROADSCENE is a dataset in zoo's layout. PYTHON names the interpreter; WHEELS, a folder of wheels to install from where
# nothing can be fetched. A part that fails or runs out of its time leaves its log, and the next one begins.
set -u
out=${1:?usage: gpu.sh OUT [ROADSCENE]}
data=${2:-}
python=${PYTHON:-.venv/bin/python}
mkdir -p "$out" && out=$(cd "$out" && pwd)
[ -z "$data" ] || data=$(cd "$data" && pwd)
cd "$(dirname "$0")/../.." || exit 2

if [ -n "${WHEELS:-}" ]; then
    "$python" -m pip install --quiet --no-index --no-deps "$WHEELS"/*.whl
    "$python" -m pip install --quiet --no-index --no-deps --no-build-isolation -e .
fi
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || { echo "gpu.sh: no CUDA device" >&2; exit 2; }

part() { # NAME SECONDS COMMAND...
    name=$1 limit=$2
    shift 2
    start=$(date +%s)
    timeout -k 5 "$limit" "$@" > "$out/$name.log" 2>&1
    code=$?
    echo "$name: exit $code after $(($(date +%s) - start)) s"
    tail -n 25 "$out/$name.log"
}

steps() { # NAME SECONDS SYSTEMS... OPTIONS...
    name=$1 limit=$2
    shift 2
    part "$name" "$limit" "$python" benchmarks/speed/steps.py "$@" --json "$out/$name.json"
}

export TORCHINDUCTOR_CACHE_DIR="$out/../zoo-inductor"
# What matters most comes first; what compiles, a minute or two for each system, has parts of its own.
steps steps-cyclegan 45 cyclegan --size 256 --compute plain@tf32/graph,fused/graph,fused@bf16 --seconds 3
steps steps-gn 45 gn_cyclegan --size 256 --compute graph,fused/graph,fused@bf16 --seconds 3
part tests 80 "$python" -m pytest tests/gpu -q -rA --durations=3 -k "not compiled"
steps steps-compiled 110 cyclegan --size 256 --compute auto@bf16 --seconds 3
part translate 60 "$python" benchmarks/speed/translate.py resnet9 --size 256 --batch 32,1 --seconds 3 --json "$out/translate.json"
steps steps-batches 35 cyclegan --size 256 --batch 4,16 --compute graph,fused@bf16 --seconds 2
steps steps-sizes 40 cyclegan pix2pix cut --size 128,512 --compute graph,fused@bf16 --seconds 2
part tests-compiled 50 "$python" -m pytest tests/gpu -q -rA -k compiled
if [ -n "$data" ]; then
    results=$(mktemp -d)
    # The same run in both precisions: the effect of bf16 on the scores, and on the time.
    for precision in fp32 bf16; do
        part "run-$precision" 35 "$python" -m zoo bench --gen resnet9_cbam --disc patchgan_gn --data "$data" --size 128 \
            --steps 1000 --device cuda --precision "$precision" --out "$results" --json
    done
    rm -rf "$results"
fi
