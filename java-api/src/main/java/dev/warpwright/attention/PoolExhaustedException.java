package dev.warpwright.attention;

/**
 * A cache has too few free pages for a step or for the copies that an eviction needs. Nothing was
 * changed in any layer of any sequence.
 */
public class PoolExhaustedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final long asked;
  private final int free;

  /**
   * Reports a step or eviction that does not fit.
   *
   * @param asked pages that it needs
   * @param free pages that are free
   * @param total pages of the pool
   */
  public PoolExhaustedException(long asked, int free, int total) {
    super(
        "the step or eviction needs "
            + asked
            + " more head pages, "
            + free
            + " of "
            + total
            + " are free: close sequences or make the pool larger");
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
