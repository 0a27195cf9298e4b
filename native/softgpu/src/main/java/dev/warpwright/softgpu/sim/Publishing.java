package dev.warpwright.softgpu.sim;

import java.util.Map;

/**
 * Order through memory: a fence followed by an atomic or strong write of a word publishes what came
 * before the fence; an atomic or strong read of the word learns it.
 */
final class Publishing {
  private Publishing() {}

  private static Map<Long, Knowledge> words(Warp warp, Space where) {
    return where == Space.SHARED ? warp.block.published : warp.block.run.published;
  }

  static void release(Warp warp, MemoryUnit unit, Space where) {
    if (!warp.block.run.checkRaces || warp.clock.blockFence == 0) {
      return;
    }
    release(
        warp,
        words(warp, where)
            .computeIfAbsent(unit.allocation.address() + unit.at, a -> new Knowledge()));
  }

  /** Publishes what came before the last fence. */
  static void release(Warp warp, Knowledge word) {
    Clock clock = warp.clock;
    int index = warp.block.index;
    if (clock.deviceFence > 0) {
      word.join(index, clock.published(true));
      word.join(clock.others);
    }
    // What only the block may learn is kept under a key that no block has.
    word.join(~index, clock.published(false));
  }

  static void acquire(Warp warp, MemoryUnit unit, Space where) {
    Map<Long, Knowledge> words = words(warp, where);
    if (words.isEmpty()) {
      return;
    }
    Knowledge word = words.get(unit.allocation.address() + unit.at);
    if (word != null) {
      acquire(warp, word);
    }
  }

  /** Learns what was published. */
  static void acquire(Warp warp, Knowledge word) {
    int[] own = word.of(~warp.block.index);
    if (own != null) {
      warp.clock.learn(own);
    }
    Knowledge others = warp.clock.others == null ? new Knowledge() : warp.clock.others.copy();
    others.join(word);
    warp.clock.others = others;
  }
}
