package dev.warpwright.softgpu.sim;

/** Warp-wide instructions: who must be there, and what happens when somebody is not. */
final class WarpSync {
  private WarpSync() {}

  /**
   * Executes a warp-wide instruction for the lanes whose masks are complete.
   *
   * @return those lanes
   */
  static int execute(Warp warp, Instr instr, int active) {
    int done = 0;
    for (int left = active; left != 0; ) {
      int lane = Integer.numberOfTrailingZeros(left);
      int named = warp.r[instr.memberMask + lane];
      int same = 0;
      for (int m = left; m != 0; m &= m - 1) {
        int l = Integer.numberOfTrailingZeros(m);
        same |= warp.r[instr.memberMask + l] == named ? 1 << l : 0;
      }
      left &= ~same;
      int needed = named & warp.existing;
      boolean checked = warp.block.run.checkSync;
      if ((same & ~needed) != 0 && checked) {
        throw warp.faultAt(
            SimFault.Kind.INACTIVE_LANE,
            Integer.numberOfTrailingZeros(same & ~needed),
            0,
            "the mask " + hex(named) + " does not name the lane that executes it");
      }
      if ((needed & ~warp.live) != 0 && checked) {
        throw warp.faultAt(
            SimFault.Kind.INACTIVE_LANE,
            lane,
            0,
            "the mask "
                + hex(named)
                + " names lanes that have exited: "
                + hex(needed & ~warp.live));
      }
      if ((needed & warp.live & ~same) == 0) {
        instr.action.run(warp, same);
        done |= same;
      }
    }
    return done;
  }

  /** Lanes that meet at different bar.warp.sync with the same mask. */
  static int meet(Warp warp, int groups, int[] pcs, int[] masks) {
    for (int g = 0; g < groups; g++) {
      if (!warp.code.instructions()[pcs[g]].meetsAnywhere) {
        continue;
      }
      int named = mask(warp, pcs[g], Integer.numberOfTrailingZeros(masks[g]));
      int there = 0;
      for (int h = 0; h < groups; h++) {
        if (!warp.code.instructions()[pcs[h]].meetsAnywhere) {
          continue;
        }
        for (int m = masks[h]; m != 0; m &= m - 1) {
          int lane = Integer.numberOfTrailingZeros(m);
          there |= mask(warp, pcs[h], lane) == named ? 1 << lane : 0;
        }
      }
      if (there != 0 && there == (named & warp.live)) {
        warp.clock.sync(there, warp.live);
        return there;
      }
    }
    return 0;
  }

  private static int mask(Warp warp, int pc, int lane) {
    return warp.r[warp.code.instructions()[pc].memberMask + lane];
  }

  /** Nobody can go on. */
  static SimFault stuck(Warp warp, int groups, int[] pcs, int[] masks) {
    StringBuilder where = new StringBuilder();
    boolean atBarrier = false;
    for (int g = 0; g < groups; g++) {
      Instr instr = warp.code.instructions()[pcs[g]];
      atBarrier |= instr.kind == Instr.Kind.BLOCK_BARRIER;
      where
          .append(" lanes ")
          .append(hex(masks[g]))
          .append(" at ")
          .append(instr.source)
          .append(", PTX line ")
          .append(instr.line)
          .append(" `")
          .append(instr.text)
          .append("`;");
    }
    warp.current = warp.code.instructions()[pcs[0]];
    return warp.faultAt(
        atBarrier ? SimFault.Kind.DIVERGENT_BARRIER : SimFault.Kind.INACTIVE_LANE,
        Integer.numberOfTrailingZeros(masks[0]),
        0,
        "lanes of the warp wait for each other:" + where);
  }

  static String hex(int mask) {
    return "0x" + Integer.toHexString(mask);
  }
}
