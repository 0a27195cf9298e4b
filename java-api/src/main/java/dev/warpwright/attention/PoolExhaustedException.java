package dev.warpwright.attention;

/**
 * A cache has too few free pages for a step, for the copies that an eviction needs or for a
 * sequence that comes in, or a swap space for one that goes out. Nothing was changed in any layer
 * of any sequence.
 */
public class PoolExhaustedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final long asked;
  private final int free;

  /**
   * Reports what does not fit into a cache.
   *
   * @param asked pages that are needed
   * @param free pages that are free
   * @param total pages of the pool
   */
  public PoolExhaustedException(long asked, int free, int total) {
    this("the cache", asked, free, total);
  }

  /**
   * Reports what does not fit into some place for pages.
   *
   * @param place the place, for the message
   * @param asked pages that are needed
   * @param free pages that are free
   * @param total pages of the place
   */
  PoolExhaustedException(String place, long asked, int free, int total) {
    super(
        "needed are "
            + asked
            + " more head pages, "
            + free
            + " of "
            + total
            + " of "
            + place
            + " are free: close sequences or make it larger");
    this.asked = asked;
    this.free = free;
  }

  /** Pages that were needed. */
  public long asked() {
    return asked;
  }

  /** Pages that are free. */
  public int free() {
    return free;
  }
}
