#!/usr/bin/env bash
# Makes the PTX texts beside this script anew. Needs nvcc 13.
set -euo pipefail
cd "$(dirname "$0")"
for arch in sm_80 sm_90; do
    nvcc -O3 -lineinfo -ptx -arch="$arch" kernels.cu -o "kernels.$arch.ptx"
    # The file table holds absolute paths of whoever ran this.
    sed -i -E '/^\s*\.file/s#"[^"]*/([^/"]+)"#"\1"#' "kernels.$arch.ptx"
done
