package dev.warpwright.softgpu.sim;

import java.util.Set;

/** Special registers that keep their value while a warp runs. */
final class SpecialRegisters {
  private static final Set<String> KNOWN =
      Set.of(
          "%tid.x",
          "%tid.y",
          "%tid.z",
          "%ntid.x",
          "%ntid.y",
          "%ntid.z",
          "%ctaid.x",
          "%ctaid.y",
          "%ctaid.z",
          "%nctaid.x",
          "%nctaid.y",
          "%nctaid.z",
          "%laneid",
          "%warpid",
          "%nwarpid",
          "%smid",
          "%nsmid",
          "%lanemask_eq",
          "%lanemask_lt",
          "%lanemask_le",
          "%lanemask_gt",
          "%lanemask_ge",
          "%dynamic_smem_size",
          "%total_smem_size",
          "WARP_SZ",
          "%envreg1",
          "%envreg2");

  private SpecialRegisters() {}

  static boolean isKnown(String name) {
    return KNOWN.contains(name);
  }

  /** Whether a kernel asks where the blocks of its grid meet. */
  static boolean usesGridWorkspace(Code code) {
    return code.specials().stream().anyMatch(special -> special.name().startsWith("%envreg"));
  }

  static void fill(Warp warp, Launch launch, DeviceProfile profile) {
    for (Code.Special special : warp.code.specials()) {
      for (int lane = 0; lane < Warp.LANES; lane++) {
        warp.r[special.slot() + lane] = value(special.name(), warp, lane, launch, profile);
      }
    }
  }

  private static int value(String name, Warp warp, int lane, Launch launch, DeviceProfile profile) {
    int thread = warp.id * Warp.LANES + lane;
    int block = warp.block.index;
    return switch (name) {
      case "%tid.x" -> thread % launch.blockX();
      case "%tid.y" -> thread / launch.blockX() % launch.blockY();
      case "%tid.z" -> thread / launch.blockX() / launch.blockY();
      case "%ntid.x" -> launch.blockX();
      case "%ntid.y" -> launch.blockY();
      case "%ntid.z" -> launch.blockZ();
      case "%ctaid.x" -> block % launch.gridX();
      case "%ctaid.y" -> block / launch.gridX() % launch.gridY();
      case "%ctaid.z" -> block / launch.gridX() / launch.gridY();
      case "%nctaid.x" -> launch.gridX();
      case "%nctaid.y" -> launch.gridY();
      case "%nctaid.z" -> launch.gridZ();
      case "%laneid" -> lane;
      case "%warpid" -> warp.id;
      case "%nwarpid" -> profile.maxThreadsPerMultiprocessor() / Warp.LANES;
      case "%smid" -> block % profile.multiprocessors();
      case "%nsmid" -> profile.multiprocessors();
      case "%lanemask_eq" -> 1 << lane;
      case "%lanemask_lt" -> (1 << lane) - 1;
      case "%lanemask_le" -> (2 << lane) - 1;
      case "%lanemask_gt" -> -(2 << lane);
      case "%lanemask_ge" -> -(1 << lane);
      case "%dynamic_smem_size" -> launch.dynamicShared();
      case "%total_smem_size" -> launch.dynamicShared() + warp.code.staticShared();
      case "WARP_SZ" -> Warp.LANES;
      case "%envreg1" -> (int) (warp.block.run.gridWorkspace >>> 32);
      case "%envreg2" -> (int) warp.block.run.gridWorkspace;
      default -> throw new IllegalStateException(name);
    };
  }
}
