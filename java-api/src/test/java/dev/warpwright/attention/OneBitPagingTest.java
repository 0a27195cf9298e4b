package dev.warpwright.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.warpwright.kernels.InvalidArgumentException;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class OneBitPagingTest {
  /** Misses of the best strategy there is: the page that is asked for last goes. */
  private static int optimum(int[] trace, int frames) {
    Set<Integer> resident = new HashSet<>();
    int misses = 0;
    for (int at = 0; at < trace.length; at++) {
      if (resident.contains(trace[at])) {
        continue;
      }
      misses++;
      if (resident.size() == frames) {
        int last = -1;
        int victim = -1;
        for (int page : resident) {
          int next = at + 1;
          while (next < trace.length && trace[next] != page) {
            next++;
          }
          if (next > last) {
            last = next;
            victim = page;
          }
        }
        resident.remove(victim);
      }
      resident.add(trace[at]);
    }
    return misses;
  }

  /** For each request whether its page is in the next phase. */
  private static boolean[] truth(int[] trace, int frames) {
    int[] phaseOf = new int[trace.length];
    Set<Integer> pages = new HashSet<>();
    int phase = 0;
    for (int at = 0; at < trace.length; at++) {
      if (!pages.contains(trace[at]) && pages.size() == frames) {
        pages.clear();
        phase++;
      }
      pages.add(trace[at]);
      phaseOf[at] = phase;
    }
    boolean[] again = new boolean[trace.length];
    for (int at = 0; at < trace.length; at++) {
      for (int later = at + 1; later < trace.length && phaseOf[later] <= phaseOf[at] + 1; later++) {
        again[at] |= phaseOf[later] == phaseOf[at] + 1 && trace[later] == trace[at];
      }
    }
    return again;
  }

  private static int[] trace(long seed, int pages) {
    SplittableRandom random = new SplittableRandom(seed);
    return random.ints(400, 0, pages).toArray();
  }

  @Test
  void knownSteps() {
    OneBitPaging paging = new OneBitPaging(2, 1);
    assertEquals(new OneBitPaging.Outcome(true, -1), paging.request(5, true));
    assertEquals(new OneBitPaging.Outcome(true, -1), paging.request(6, false));
    assertEquals(new OneBitPaging.Outcome(false, -1), paging.request(5, true));
    // A third page begins a phase; the page that was said to be gone goes.
    assertEquals(new OneBitPaging.Outcome(true, 6), paging.request(7, false));
    assertEquals(1, paging.phases());
    assertTrue(paging.holds(5));
    assertFalse(paging.holds(6));
    // It was not gone: the end of the phase after tells, and that 5 never came.
    assertEquals(new OneBitPaging.Outcome(true, 5), paging.request(6, false));
    paging.request(8, false);
    assertEquals(1, paging.wrongAgain());
    assertEquals(1, paging.wrongGone());
    assertEquals(6, paging.requests());
    assertEquals(5, paging.misses());
  }

  /** With right bits at most two misses come on one of the optimum, and none is counted wrong. */
  @Test
  void rightBits() {
    for (int seed = 0; seed < 40; seed++) {
      int frames = 2 + seed % 5;
      int[] trace = trace(seed, frames + 1 + seed % 7);
      boolean[] again = truth(trace, frames);
      OneBitPaging paging = new OneBitPaging(frames, seed);
      for (int at = 0; at < trace.length; at++) {
        paging.request(trace[at], again[at]);
      }
      assertEquals(0, paging.wrongAgain() + paging.wrongGone());
      assertTrue(paging.misses() <= 2L * optimum(trace, frames), "seed " + seed);
    }
  }

  /** Errors are what they are, and cost no more than a miss for each new page of a phase. */
  @Test
  void wrongBits() {
    for (int seed = 0; seed < 40; seed++) {
      int frames = 3 + seed % 4;
      int[] trace = trace(seed, 2 * frames);
      boolean[] again = truth(trace, frames);
      SplittableRandom random = new SplittableRandom(seed);
      OneBitPaging paging = new OneBitPaging(frames, seed);
      OneBitPaging inverse = new OneBitPaging(frames, seed);
      for (int at = 0; at < trace.length; at++) {
        paging.request(trace[at], random.nextInt(4) == 0 ? !again[at] : again[at]);
        inverse.request(trace[at], !again[at]);
      }
      assertTrue(paging.wrongAgain() + paging.wrongGone() > 0, "some are wrong");
      assertTrue(
          inverse.wrongAgain() + inverse.wrongGone() > paging.wrongAgain() + paging.wrongGone());
      // A marking strategy misses a page once a phase at most.
      for (OneBitPaging some : new OneBitPaging[] {paging, inverse}) {
        assertTrue(some.misses() <= (some.phases() + 1) * frames, "seed " + seed);
      }
      assertTrue(paging.misses() <= inverse.misses() + 20, "seed " + seed);
    }
  }

  /** What is asked for at once is there at once, whatever was predicted of it. */
  @Test
  void severalAtOnceBelongToOnePhase() {
    OneBitPaging paging = new OneBitPaging(3, 1);
    paging.request(new long[] {0, 1}, new boolean[] {false, true});
    paging.request(new long[] {2, 3}, new boolean[] {false, false});
    assertEquals(1, paging.phases());
    assertTrue(paging.holds(1) && paging.holds(2) && paging.holds(3));
    // Page 4 would still fit into the phase, and 1 is all that is not in it.
    paging.request(new long[] {3, 4}, new boolean[] {true, true});
    assertEquals(1, paging.phases());
    assertTrue(paging.holds(2) && paging.holds(3) && paging.holds(4));
    assertEquals(6, paging.requests());
    assertEquals(5, paging.misses());
    assertEquals(3, paging.resident());
    assertThrows(InvalidArgumentException.class, () -> paging.request(new long[4], new boolean[4]));
    assertThrows(InvalidArgumentException.class, () -> paging.request(new long[2], new boolean[1]));
    assertThrows(
        InvalidArgumentException.class, () -> paging.request(new long[] {-1}, new boolean[1]));
    assertEquals(6, paging.requests());
  }

  /** The order in which pages came has no part in the choice, wherever a map may put them. */
  @Test
  void theChoiceDependsOnTheSeedOnly() {
    for (int seed = 0; seed < 8; seed++) {
      OneBitPaging rising = new OneBitPaging(3, seed);
      OneBitPaging falling = new OneBitPaging(3, seed);
      for (long page = 0; page < 3; page++) {
        rising.request(64 * page, false);
        falling.request(64 * (2 - page), false);
      }
      assertEquals(rising.request(5, true), falling.request(5, true));
    }
  }

  @Test
  void refusals() {
    assertThrows(InvalidArgumentException.class, () -> new OneBitPaging(0, 1));
    OneBitPaging paging = new OneBitPaging(1, 1);
    assertThrows(InvalidArgumentException.class, () -> paging.request(-1, true));
    assertEquals(0, paging.requests());
    paging.request(4, true);
    assertEquals(new OneBitPaging.Outcome(true, 4), paging.request(3, true));
  }
}
