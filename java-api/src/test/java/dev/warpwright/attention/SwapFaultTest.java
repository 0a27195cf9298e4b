package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.Warpwright;
import org.junit.jupiter.api.Test;

/** Copies to the host that a device breaks off. */
class SwapFaultTest {
  private int exportsUntilFailure = Integer.MAX_VALUE;

  private void exported() {
    if (exportsUntilFailure-- == 0) {
      throw new IllegalStateException("the device is gone");
    }
  }

  private static Sequence reader(PagedKvCache cache, int tokens) {
    Sequence sequence = cache.newSequence();
    cache.batch(sequence).advance(tokens);
    return sequence;
  }

  /**
   * A copy that had to make room for another one is none any more, though the other never came: its
   * place may hold half of that.
   */
  @Test
  void placesOfACopyThatFailedHoldNothing() {
    KvCacheSpec spec = KvCacheSpec.layers(1).headDim(8).pageSize(4).headPages(40);
    try (Warpwright ww = Warpwright.builder().threads(1).open();
        PagedKvCache cache = new PagedKvCache(HookedDevice.of(ww.device(), this::exported), spec);
        SwapSpace space = new SwapSpace(cache, 10)) {
      Sequence one = space.in(space.out(reader(cache, 32)));
      assertEquals(8, space.pagesOut());
      Sequence two = reader(cache, 16);
      exportsUntilFailure = 0;
      assertThrows(IllegalStateException.class, () -> space.out(two));
      exportsUntilFailure = Integer.MAX_VALUE;
      assertTrue(two.isOpen());
      assertEquals(8, space.pagesOut());

      // Two of the eight copies made room; six are still there.
      SwapSpace.Waiting waiting = space.out(one);
      assertEquals(8 + 2, space.pagesOut());
      assertEquals(32, space.in(waiting).position());
      assertEquals(16, space.in(space.out(two)).position());
      assertEquals(8 + 2 + 4, space.pagesOut());
      assertEquals(40 - 8 - 4, cache.freePages());
    }
  }
}
