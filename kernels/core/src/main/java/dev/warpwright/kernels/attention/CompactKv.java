package dev.warpwright.kernels.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.InvalidArgumentException;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * Moves the kept slots of each row to its beginning: slot {@code kept[i]} becomes slot i, with key,
 * value, logical position and the numbers of every {@link SlotArray} of the pool. What was evicted
 * is overwritten, so that whole pages at the end of a row become free.
 *
 * <p>A row is compacted in place where its new table names the page that the old one has at the
 * same index; a page that others share is replaced by a fresh one in the new table and so copied
 * when it is written. A page that stays and is shared with another row of the batch must keep its
 * slots where they are. Slots behind the new length hold what they hold.
 */
public abstract class CompactKv extends BatchPlan {
  private final CompactKvSpec spec;
  private @Nullable PageTables target;

  /** Slots from the start of each row that lie in pages of several rows. */
  private int[] sharedSlots = new int[0];

  /** A plan for {@code spec}. */
  protected CompactKv(KernelDevice device, CompactKvSpec spec, KvPool pool, long workspaceBytes) {
    super(
        device,
        spec,
        workspaceBytes,
        spec.heads(),
        spec.pool(),
        pool,
        spec.maxRequests(),
        Integer.MAX_VALUE);
    this.spec = spec;
  }

  /** What the plan was made for. */
  public final CompactKvSpec spec() {
    return spec;
  }

  @Override
  protected final boolean writesNewTokens() {
    return false;
  }

  /**
   * Takes over tables before and after.
   *
   * @param from the rows as they are
   * @param to the rows as they shall be: as many layers, requests and heads, lengths of at most
   *     those before; each page is the one that the row has at the same index before, or one that
   *     is in no other place of either tables
   */
  public final void update(PageTables from, PageTables to) {
    update(from);
    begin();
    try {
      target = null;
      Checks.notNull("to", to);
      Checks.that(to.layers() == from.layers(), "to.layers", to.layers(), "" + from.layers());
      Checks.that(to.kvHeads() == from.kvHeads(), "to.kvHeads", to.kvHeads(), "" + from.kvHeads());
      Checks.that(
          to.requests() == from.requests(), "to.requests", to.requests(), "" + from.requests());
      to.require(pool().spec(), false);
      requireTargets(from, to);
      prepareTarget(to);
      target = to;
    } finally {
      end();
    }
  }

  /** Makes the provider ready for the rows as they shall be, which are checked. */
  protected void prepareTarget(PageTables to) {}

  /** Slots from the start of a row that lie in pages of other rows too, and must stay. */
  protected final int sharedSlots(int row) {
    return sharedSlots[row];
  }

  private void requireTargets(PageTables from, PageTables to) {
    int rows = from.layers() * from.requests() * from.kvHeads();
    if (sharedSlots.length < rows) {
      sharedSlots = new int[rows];
    }
    BitSet read = new BitSet();
    BitSet shared = new BitSet();
    for (int row = 0; row < rows; row++) {
      for (int index = 0; index < usedPages(from, row); index++) {
        (read.get(from.page(row, index)) ? shared : read).set(from.page(row, index));
      }
    }
    BitSet fresh = new BitSet();
    for (int row = 0; row < rows; row++) {
      Checks.between("to.length[row " + row + "]", to.length(row), 0, from.length(row));
      sharedSlots[row] = 0;
      for (int index = 0; index < usedPages(to, row); index++) {
        int page = to.page(row, index);
        if (page == from.page(row, index)) {
          if (shared.get(page)) {
            sharedSlots[row] = (index + 1) * to.pageSize();
          }
        } else if (read.get(page) || fresh.get(page)) {
          throw new InvalidArgumentException(
              "to.page[row " + row + "][" + index + "]",
              page,
              "the row's own page at this index, or one that is nowhere else");
        } else {
          fresh.set(page);
        }
      }
    }
  }

  private static int usedPages(PageTables tables, int row) {
    return (tables.length(row) + tables.pageSize() - 1) / tables.pageSize();
  }

  /**
   * Compacts one layer.
   *
   * @param layer the layer
   * @param kept I32 {@code [slots of the layer before]}: for each row, at {@link
   *     PageTables#slotStart} of the tables before, as many slots in rising order as the row's
   *     length after
   */
  public final void run(int layer, Tensor kept) {
    begin();
    try {
      PageTables from = requireStep(layer);
      PageTables to = target;
      if (to == null) {
        throw new IllegalStateException("no target: call update(from, to) before run");
      }
      requireTensor("kept", kept, DType.I32, from.slots(layer));
      if (kept.isHost()) {
        requireKept(layer, from, to, kept);
      }
      if (from.slots(layer) > 0) {
        execute(from, to, layer, kept);
      }
      launched(kept.bytes());
    } finally {
      end();
    }
  }

  private void requireKept(int layer, PageTables from, PageTables to, Tensor kept) {
    int end = from.rowOf(layer + 1, 0, 0);
    for (int row = from.rowOf(layer, 0, 0); row < end; row++) {
      long start = from.slotStart(row);
      int before = -1;
      for (int i = 0; i < to.length(row); i++) {
        int slot = kept.getInt(start + i);
        if (slot <= before || slot >= from.length(row)) {
          throw new InvalidArgumentException(
              "kept[" + (start + i) + "]",
              slot,
              (before + 1) + ".." + (from.length(row) - 1) + " in row " + row);
        }
        if (slot != i && i < sharedSlots[row]) {
          throw new InvalidArgumentException(
              "kept[" + (start + i) + "]",
              slot,
              i + " in row " + row + ": its page is shared with another row");
        }
        before = slot;
      }
    }
  }

  /** Moves; all arguments are checked and there is at least one slot before. */
  protected abstract void execute(PageTables from, PageTables to, int layer, Tensor kept);
}
