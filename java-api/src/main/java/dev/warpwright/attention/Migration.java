package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.Resource;
import java.util.Arrays;

/**
 * A sequence's way to another cache, on the same device or another, while it goes on taking steps.
 * {@link #stage} copies what is complete and not yet there; meanwhile the sequence may go on, and
 * the next stage copies what that changed. When {@link #remaining} is small or does not shrink any
 * more, the caller takes no more steps and calls {@link #finish}, which copies the rest. So the
 * pause does not grow with the length of the sequence. Source: Sun et al. 2024 (Llumnix, arXiv
 * 2406.03243).
 *
 * <p>Each layer's and head's row of pages is copied as it is, evicted slots, positions and noted
 * scores included; attention over the copy gives the same bits. Pages are shared with forks in the
 * source only: in the target the sequence has its own. Stages may run beside steps of the source on
 * another thread; the migration itself is used by one thread at a time.
 */
public final class Migration implements Resource {
  /** Pages in the buffer between the caches. */
  private static final int BUFFER = 256;

  private final Sequence source;
  private final PagedKvCache from;
  private final PagedKvCache to;
  private final HostPages buffer;

  /** Of each row and index the number of the write that was copied, and the copy. */
  private final long[][] stamps;

  private final int[][] copies;
  private boolean closed;

  /**
   * The beginning of a migration; nothing is copied yet.
   *
   * @param source an open sequence
   * @param to another cache of the same layout; sizes of pools may differ
   */
  public Migration(Sequence source, PagedKvCache to) {
    this.source = Checks.notNull("source", source);
    this.from = source.cache();
    this.to = Checks.notNull("to", to);
    from.requireOwn("source", source);
    Checks.that(to != from, "to", "the cache that the sequence is in", "another cache");
    to.spec().requireLayout("to", from.spec());
    stamps = new long[source.rows()][0];
    copies = new int[source.rows()][0];
    buffer = new HostPages(from.spec().pool(), BUFFER);
  }

  /** Pages on their way, in the order of rows. */
  private static final class Load {
    private final int[] rows;
    private final int[] indices;
    private final int[] pages;
    private final long[] stamps;

    Load(int count) {
      rows = new int[count];
      indices = new int[count];
      pages = new int[count];
      stamps = new long[count];
    }
  }

  /**
   * Copies the pages that are full, not of the step that is under way, and new or changed since
   * they were copied.
   *
   * @return how many that were
   * @throws PoolExhaustedException if the target has too few free pages; what is there already
   *     stays, and the stage may be tried again
   */
  public int stage() {
    requireRunning();
    return copy(false);
  }

  /** Pages that {@link #finish} would copy now. */
  public int remaining() {
    requireRunning();
    synchronized (from) {
      return stale(true).pages.length;
    }
  }

  /**
   * Copies the rest. No step of the source may be under way, and none may begin before this
   * returns. The source stays open and is the caller's, like the new sequence.
   *
   * @return the sequence in the target
   * @throws PoolExhaustedException if the target has too few free pages; nothing is lost, and the
   *     source may go on
   * @throws IllegalStateException if the source took a step or was evicted from meanwhile; what is
   *     there already stays
   */
  public Sequence finish() {
    requireRunning();
    from.requireOwn("source", source);
    long version = source.version();
    copy(true);
    if (source.version() != version) {
      throw new IllegalStateException("the sequence went on while its migration was finished");
    }
    int[] pages = source.allPages();
    try (HostNumbers numbers = new HostNumbers(from.pool(), pages.length)) {
      numbers.read(from.pool(), pages);
      synchronized (to) {
        for (int row = 0; row < copies.length; row++) {
          truncate(row, source.pageCount(row));
        }
        numbers.write(to.pool(), Arrays.stream(copies).flatMapToInt(Arrays::stream).toArray());
        closed = true;
        buffer.close();
        return new Sequence(source, to, copies);
      }
    }
  }

  private int copy(boolean all) {
    Load load;
    synchronized (from) {
      from.requireOwn("source", source);
      load = stale(all);
      // Held, so that whoever writes one of them meanwhile writes a copy.
      Arrays.stream(load.pages).forEach(from.pages()::share);
    }
    try {
      reserve(load);
      for (int at = 0; at < load.pages.length; at += BUFFER) {
        move(load, at, Math.min(load.pages.length, at + BUFFER));
      }
    } finally {
      synchronized (from) {
        Arrays.stream(load.pages).forEach(from.pages()::give);
      }
    }
    return load.pages.length;
  }

  /** What must be copied again, or, of complete pages only, can be. */
  private Load stale(boolean all) {
    HeadPages pages = from.pages();
    int pageSize = from.spec().pageSize();
    Load load = new Load(0);
    for (boolean counted : new boolean[] {false, true}) {
      int count = 0;
      for (int row = 0; row < source.rows(); row++) {
        for (int index = 0; index < source.pageCount(row); index++) {
          int page = source.page(row, index);
          // No two pages have a write of the same number.
          boolean there = index < stamps[row].length && stamps[row][index] == pages.stamp(page);
          boolean complete =
              (index + 1) * pageSize <= source.length(row) && !source.isHot(page, pages);
          if (!there && (all || complete)) {
            if (counted) {
              load.rows[count] = row;
              load.indices[count] = index;
              load.pages[count] = page;
              load.stamps[count] = pages.stamp(page);
            }
            count++;
          }
        }
      }
      load = counted ? load : new Load(count);
    }
    return load;
  }

  /** Takes the pages of the target that are missing. */
  private void reserve(Load load) {
    synchronized (to) {
      to.requireOpen();
      int[] needed = new int[copies.length];
      for (int i = 0; i < load.pages.length; i++) {
        needed[load.rows[i]] = Math.max(needed[load.rows[i]], load.indices[i] + 1);
      }
      long missing = 0;
      for (int row = 0; row < copies.length; row++) {
        missing += Math.max(0, needed[row] - copies[row].length);
      }
      to.requireFree(missing);
      for (int row = 0; row < copies.length; row++) {
        int before = copies[row].length;
        int after = Math.max(before, needed[row]);
        copies[row] = Arrays.copyOf(copies[row], after);
        stamps[row] = Arrays.copyOf(stamps[row], after);
        for (int index = before; index < after; index++) {
          copies[row][index] = to.pages().take();
        }
      }
    }
  }

  private void move(Load load, int at, int end) {
    int[] target = new int[end - at];
    for (int i = at; i < end; i++) {
      target[i - at] = copies[load.rows[i]][load.indices[i]];
    }
    buffer.read(from.pool(), Arrays.copyOfRange(load.pages, at, end), 0);
    buffer.write(to.pool(), target, 0);
    for (int i = at; i < end; i++) {
      stamps[load.rows[i]][load.indices[i]] = load.stamps[i];
    }
  }

  /** Gives back pages of the target that the row does not need any more. */
  private void truncate(int row, int count) {
    for (int index = count; index < copies[row].length; index++) {
      to.pages().give(copies[row][index]);
    }
    copies[row] = Arrays.copyOf(copies[row], count);
    stamps[row] = Arrays.copyOf(stamps[row], count);
  }

  private void requireRunning() {
    if (closed) {
      throw new IllegalStateException("the migration is over");
    }
  }

  /**
   * Breaks the migration off, if it is not finished: the target gets its pages back. Idempotent.
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    buffer.close();
    synchronized (to) {
      for (int row = 0; row < copies.length; row++) {
        truncate(row, 0);
      }
    }
  }
}
