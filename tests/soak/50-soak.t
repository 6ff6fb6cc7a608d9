#!/bin/sh
# Whole dumps in virtual time: some thousand worlds with loss, forgeries, failing disks, servers that
# end anywhere. `make sim SEEDS=100000` runs more. A failing seed is printed with how to replay it.
#
# SPDX-License-Identifier: GPL-2.0-or-later
set -u

exec "${BUILD:-build}/soak/netdump-soak" --seeds="${SOAK_SEEDS:-10000}" --seed="${SOAK_SEED:-1}"
