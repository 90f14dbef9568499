#!/bin/sh
# All that a short turn on a GPU is for, in one command under nine minutes; one JSON, OUT/gpu.json, and a log of each part.
#   benchmarks/speed/gpu.sh OUT [ROADSCENE]
# ROADSCENE is a dataset in zoo's layout. PYTHON names the interpreter; WHEELS, a folder of wheels to install from where
# nothing can be fetched. A part that fails or runs out of its time leaves its log, and the next one begins. Run again with the
# same OUT, it skips the parts that succeeded and repeats the others; use another OUT to measure everything anew.
set -u
begin=$(date +%s)
total=520 # seconds for all parts, with the installation before them; the end of a part and the JSON take a few more
out=${1:?usage: gpu.sh OUT [ROADSCENE]}
data=${2:-}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2
case ${PYTHON:-} in /* | "") ;; */*) PYTHON=$PWD/$PYTHON ;; esac
python=${PYTHON:-.venv/bin/python}
[ -z "${WHEELS:-}" ] || WHEELS=$(cd "$WHEELS" && pwd) || exit 2
[ -z "$data" ] || data=$(cd "$data" && pwd) || exit 2
cd "$(dirname "$0")/../.." || exit 2

if [ -n "${WHEELS:-}" ]; then
    "$python" -m pip install --quiet --no-index --no-deps "$WHEELS"/*.whl
    "$python" -m pip install --quiet --no-index --no-deps --no-build-isolation -e .
fi
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' || { echo "gpu.sh: no CUDA device" >&2; exit 2; }

part() { # NAME SECONDS COMMAND...
    name=$1 limit=$2
    shift 2
    if [ "$(cat "$out/$name.exit" 2>/dev/null)" = 0 ]; then
        echo "$name: done before"
        return
    fi
    start=$(date +%s)
    left=$((begin + total - start))
    [ "$limit" -le "$left" ] || limit=$left
    if [ "$limit" -lt 5 ]; then
        echo "$name: not run, no time is left"
        return
    fi
    rm -f "$out/$name.json"
    timeout -k 5 "$limit" "$@" > "$out/$name.log" 2>&1
    code=$?
    echo "$code" > "$out/$name.exit"
    echo "$(($(date +%s) - start))" > "$out/$name.seconds"
    echo "$name: exit $code after $(cat "$out/$name.seconds") s"
    tail -n 25 "$out/$name.log"
}

steps() { # NAME SECONDS SYSTEMS... OPTIONS...
    name=$1 limit=$2
    shift 2
    part "$name" "$limit" "$python" benchmarks/speed/steps.py "$@" --device cuda --json "$out/$name.json"
}

work=$out.work # what is too large to bring back from a lent machine
export TORCHINDUCTOR_CACHE_DIR="$work/inductor"
# What matters most comes first; what compiles, a minute or two for each system, has parts of its own.
steps steps-cyclegan 45 cyclegan --size 256 --compute plain@tf32/graph,fused/graph,fused@bf16 --seconds 3
steps steps-gn 45 gn_cyclegan --size 256 --compute graph,fused/graph,fused@bf16 --seconds 3
part tests 80 "$python" -m pytest tests/gpu -q -rA --durations=3 -k "not compiled"
steps steps-compiled 110 cyclegan --size 256 --compute auto@bf16 --seconds 3
part translate 60 "$python" benchmarks/speed/translate.py resnet9 --size 256 --batch 32,1 --seconds 3 --device cuda --json "$out/translate.json"
steps steps-batches 35 cyclegan --size 256 --batch 4,16 --compute graph,fused@bf16 --seconds 2
steps steps-sizes 35 cyclegan pix2pix cut --size 128,512 --compute graph,fused@bf16 --seconds 2
part tests-compiled 50 "$python" -m pytest tests/gpu -q -rA -k compiled
if [ -n "$data" ]; then
    # The same run in both precisions: the effect of bf16 on the scores, and on the time. Its results are kept: run again, a
    # training that ran out of its time resumes.
    for precision in fp32 bf16; do
        part "run-$precision" 30 "$python" -m zoo bench --gen resnet9_cbam --disc patchgan_gn --data "$data" --size 128 \
            --steps 1000 --device cuda --precision "$precision" --out "$work/results"
    done
fi

"$python" - "$out" "$work" <<'END'
import json, pathlib, sys

out, work = map(pathlib.Path, sys.argv[1:])
parts = {}
for file in sorted(out.glob("*.exit")):
    code, seconds = int(file.read_text()), int(file.with_suffix(".seconds").read_text())
    part = {"exit": code, "seconds": seconds, "log": file.with_suffix(".log").read_text(errors="replace")[-4000:]}
    try:
        part["report"] = json.loads(file.with_suffix(".json").read_text())
    except (OSError, ValueError):  # there is none, or the part was ended while it wrote
        pass
    parts[file.stem] = part
records = [json.loads(file.read_text()) for file in sorted(work.glob("results/*/record.json"))]
draft = out / "gpu.json.new"
draft.write_text(json.dumps({"schema": 1, "parts": parts, "records": records}, indent=1) + "\n")
draft.replace(out / "gpu.json")
END
[ $? = 0 ] || { echo "gpu.sh: $out/gpu.json was not written" >&2; exit 1; }
echo "$out/gpu.json after $(($(date +%s) - begin)) s"
