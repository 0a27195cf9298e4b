package dev.warpwright.softgpu.sim;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Known ticks of the warps of blocks. Kept by warps, and by the words that atomics publish on. */
final class Knowledge {
  private final Map<Integer, int[]> blocks = new HashMap<>();

  boolean knows(int block, int warp, int tick) {
    int[] row = blocks.get(block);
    return row != null && row[warp] > tick;
  }

  void join(int block, int[] row) {
    blocks.merge(
        block,
        row,
        (old, add) -> {
          int[] joined = old.clone();
          for (int i = 0; i < joined.length; i++) {
            joined[i] = Math.max(joined[i], add[i]);
          }
          return joined;
        });
  }

  void join(@Nullable Knowledge other) {
    if (other != null && other != this) {
      other.blocks.forEach(this::join);
    }
  }

  int @Nullable [] of(int block) {
    return blocks.get(block);
  }

  Knowledge copy() {
    Knowledge copy = new Knowledge();
    copy.blocks.putAll(blocks);
    return copy;
  }
}
