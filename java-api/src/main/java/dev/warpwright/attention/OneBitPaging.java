package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * Decides which of the pages that are in a small, fast memory makes room for the next one, from one
 * predicted bit a request: whether the page will be asked for again in the next phase.
 *
 * <p>A phase is a longest run of requests for at most {@code frames} different pages. On a miss
 * with all frames full, a page goes that was not asked for in this phase: one of those predicted
 * not to be, if there are any, else any of them, each with the same chance. With right bits this is
 * near the optimum; each wrong bit costs a bounded number of misses, and with nothing but wrong
 * ones it is no worse than marking without predictions, up to a factor.
 *
 * <p>Because the end of a phase tells which bits of the phase before were wrong, errors are counted
 * exactly: {@link #wrongAgain} bits said that a page would be asked for and it was not, {@link
 * #wrongGone} said that it would not and it was. Source: Antoniadis et al. 2023 (Paging with
 * Succinct Predictions, arXiv 2210.02775). Not safe for use by several threads.
 */
public final class OneBitPaging {
  private final int frames;
  private final SplittableRandom random;

  /** What is in memory, with the bit of the last request for it. */
  private final Map<Long, Boolean> resident = new HashMap<>();

  /** Pages of this phase, and of the one before, with their last bits. */
  private Map<Long, Boolean> phase = new HashMap<>();

  private Map<Long, Boolean> before = new HashMap<>();

  private long requests;
  private long misses;
  private long phases;
  private long judged;
  private long wrongAgain;
  private long wrongGone;

  /**
   * An empty memory.
   *
   * @param frames pages that it holds
   * @param seed of the choice among pages of which nothing better is known
   */
  public OneBitPaging(int frames, long seed) {
    this.frames = Checks.between("frames", frames, 1, Integer.MAX_VALUE);
    random = new SplittableRandom(seed);
  }

  /**
   * What a request does.
   *
   * @param miss whether the page was not in memory, and is now
   * @param evicted the page that made room for it; −1 for none
   */
  public record Outcome(boolean miss, long evicted) {}

  /**
   * Asks for a page.
   *
   * @param page its number, at least 0
   * @param again whether it is predicted to be asked for in the next phase
   */
  public Outcome request(long page, boolean again) {
    Checks.atLeast("page", page, 0);
    requests++;
    if (!phase.containsKey(page) && phase.size() == frames) {
      endPhase();
    }
    phase.put(page, again);
    boolean miss = !resident.containsKey(page);
    long evicted = miss && resident.size() == frames ? evict() : -1;
    misses += miss ? 1 : 0;
    resident.put(page, again);
    return new Outcome(miss, evicted);
  }

  /**
   * Asks for several pages at once, all of which are in memory afterwards: where they and those of
   * the phase are more than there is room for, a new phase begins with them.
   *
   * @param pages their numbers, each once, at most {@code frames}
   * @param again for each whether it is predicted to be asked for in the next phase
   */
  public void request(long[] pages, boolean[] again) {
    Checks.between("pages.length", pages.length, 0, frames);
    Checks.that(again.length == pages.length, "again.length", again.length, "" + pages.length);
    long others = 0;
    for (int i = 0; i < pages.length; i++) {
      Checks.atLeast("pages[" + i + "]", pages[i], 0);
      others += phase.containsKey(pages[i]) ? 0 : 1;
    }
    if (phase.size() + others > frames) {
      endPhase();
    }
    for (int i = 0; i < pages.length; i++) {
      request(pages[i], again[i]);
    }
  }

  private void endPhase() {
    phases++;
    judged += before.size();
    for (Map.Entry<Long, Boolean> entry : before.entrySet()) {
      boolean asked = phase.containsKey(entry.getKey());
      wrongAgain += entry.getValue() && !asked ? 1 : 0;
      wrongGone += !entry.getValue() && asked ? 1 : 0;
    }
    before = phase;
    phase = new HashMap<>();
  }

  private long evict() {
    List<Long> gone = new ArrayList<>();
    List<Long> others = new ArrayList<>();
    for (Map.Entry<Long, Boolean> entry : resident.entrySet()) {
      if (!phase.containsKey(entry.getKey())) {
        (entry.getValue() ? others : gone).add(entry.getKey());
      }
    }
    List<Long> candidates = gone.isEmpty() ? others : gone;
    // By number, so that the choice depends on the seed only.
    candidates.sort(null);
    long page = candidates.get(random.nextInt(candidates.size()));
    resident.remove(page);
    return page;
  }

  /** Whether a page is in memory. */
  public boolean holds(long page) {
    return resident.containsKey(page);
  }

  /** Pages in memory. */
  public int resident() {
    return resident.size();
  }

  /** Requests so far. */
  public long requests() {
    return requests;
  }

  /** Requests for pages that were not in memory. */
  public long misses() {
    return misses;
  }

  /** Phases that are over. */
  public long phases() {
    return phases;
  }

  /** Last bits of a phase of which the next phase has told whether they were right. */
  public long judged() {
    return judged;
  }

  /** Last bits of a phase that said "again" of pages that the next phase did not ask for. */
  public long wrongAgain() {
    return wrongAgain;
  }

  /** Last bits of a phase that said "gone" of pages that the next phase asked for. */
  public long wrongGone() {
    return wrongGone;
  }
}
