package dev.warpwright.softgpu.sim;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Special registers that keep their value while a warp runs. */
final class SpecialRegisters {
  /** What a lane finds in a register. */
  @FunctionalInterface
  interface Value {
    int of(Warp warp, Launch launch, int lane);
  }

  private static final Map<String, Value> VALUES = new HashMap<>();

  static {
    VALUES.put("%tid.x", (w, l, lane) -> thread(w, lane) % l.blockX());
    VALUES.put("%tid.y", (w, l, lane) -> thread(w, lane) / l.blockX() % l.blockY());
    VALUES.put("%tid.z", (w, l, lane) -> thread(w, lane) / l.blockX() / l.blockY());
    VALUES.put("%ntid.x", (w, l, lane) -> l.blockX());
    VALUES.put("%ntid.y", (w, l, lane) -> l.blockY());
    VALUES.put("%ntid.z", (w, l, lane) -> l.blockZ());
    VALUES.put("%ctaid.x", (w, l, lane) -> w.block.index % l.gridX());
    VALUES.put("%ctaid.y", (w, l, lane) -> w.block.index / l.gridX() % l.gridY());
    VALUES.put("%ctaid.z", (w, l, lane) -> w.block.index / l.gridX() / l.gridY());
    VALUES.put("%nctaid.x", (w, l, lane) -> l.gridX());
    VALUES.put("%nctaid.y", (w, l, lane) -> l.gridY());
    VALUES.put("%nctaid.z", (w, l, lane) -> l.gridZ());
    VALUES.put("%laneid", (w, l, lane) -> lane);
    VALUES.put("%warpid", (w, l, lane) -> w.id);
    VALUES.put("%nwarpid", (w, l, lane) -> profile(w).maxThreadsPerMultiprocessor() / Warp.LANES);
    VALUES.put("%smid", (w, l, lane) -> w.block.index % profile(w).multiprocessors());
    VALUES.put("%nsmid", (w, l, lane) -> profile(w).multiprocessors());
    VALUES.put("%lanemask_eq", (w, l, lane) -> 1 << lane);
    VALUES.put("%lanemask_lt", (w, l, lane) -> (1 << lane) - 1);
    VALUES.put("%lanemask_le", (w, l, lane) -> (2 << lane) - 1);
    VALUES.put("%lanemask_gt", (w, l, lane) -> -(2 << lane));
    VALUES.put("%lanemask_ge", (w, l, lane) -> -(1 << lane));
    VALUES.put("%dynamic_smem_size", (w, l, lane) -> l.dynamicShared());
    VALUES.put("%total_smem_size", (w, l, lane) -> l.dynamicShared() + w.code.staticShared());
    VALUES.put("WARP_SZ", (w, l, lane) -> Warp.LANES);
    VALUES.put("%envreg1", (w, l, lane) -> (int) (w.block.run.gridWorkspace >>> 32));
    VALUES.put("%envreg2", (w, l, lane) -> (int) w.block.run.gridWorkspace);
  }

  private SpecialRegisters() {}

  /** The values of a register, or null if there is none of that name. */
  static @Nullable Value values(String name) {
    return VALUES.get(name);
  }

  /** Whether a kernel asks where the blocks of its grid meet. */
  static boolean usesGridWorkspace(Code code) {
    return code.specials().stream().anyMatch(special -> special.name().startsWith("%envreg"));
  }

  static void fill(Warp warp) {
    for (Code.Special special : warp.code.specials()) {
      for (int lane = 0; lane < Warp.LANES; lane++) {
        warp.r[special.slot() + lane] = special.values().of(warp, warp.block.run.launch, lane);
      }
    }
  }

  private static int thread(Warp warp, int lane) {
    return warp.id * Warp.LANES + lane;
  }

  private static DeviceProfile profile(Warp warp) {
    return warp.block.run.profile;
  }
}
