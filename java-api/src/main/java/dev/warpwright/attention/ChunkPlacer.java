package dev.warpwright.attention;

import dev.warpwright.kernels.Checks;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.CompactKv;
import dev.warpwright.kernels.attention.CompactKvSpec;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.RerotateKeys;
import dev.warpwright.kernels.attention.RerotateKeysSpec;
import java.util.Arrays;
import java.util.BitSet;

/**
 * Puts {@linkplain Chunk chunks} behind sequences, wherever these are: keys are turned to the new
 * positions ({@link RerotateKeys}), and tokens that shall be read anew are left out. These take a
 * step at their positions ({@link Batch#advanceAt}), before or with the tokens that follow:
 *
 * <pre>
 *   int first = sequence.position();
 *   int[] anew = chunk.mostDependent(chunk.recomputation(prefix, alpha));
 *   placer.append(sequence, chunk, anew);
 *   batch.advanceAt(IntStream.of(anew).map(i -&gt; first + i).toArray());
 * </pre>
 *
 * Slots are then no longer in the order of positions, which attention does not mind. Used by one
 * thread at a time.
 */
public final class ChunkPlacer implements Resource {
  private final PagedKvCache cache;
  private final KvCacheSpec layout;
  private final RerotateKeys rerotate;
  private final CompactKv compact;

  /**
   * Plans for the cache of {@code spec}.
   *
   * @param device the cache's device
   * @param spec attention whose rotation the keys have
   */
  public ChunkPlacer(KernelDevice device, AttentionSpec spec) {
    Checks.notNull("device", device);
    cache = Checks.notNull("spec", spec).cache();
    layout = cache.spec();
    rerotate =
        device
            .attention()
            .rerotateKeys(
                new RerotateKeysSpec(spec.heads(), layout.pool(), 1, spec.rope()), cache.pool());
    try {
      compact =
          device
              .attention()
              .compactKv(new CompactKvSpec(spec.heads(), layout.pool(), 1), cache.pool());
    } catch (RuntimeException e) {
      rerotate.close();
      throw e;
    }
  }

  /**
   * Puts a chunk behind the last token of a sequence, whose position grows by the chunk's size.
   *
   * @param sequence an open sequence of the cache, not between the layers of a step
   * @param chunk a chunk of a cache of the same layout
   * @param anew indices of tokens that are left out, ascending
   * @throws PoolExhaustedException if there are too few free pages; nothing has changed then
   */
  public void append(Sequence sequence, Chunk chunk, int... anew) {
    synchronized (cache) {
      cache.requireOwn("sequence", sequence);
      Checks.notNull("chunk", chunk).kept().requireFits(cache);
      int position = sequence.position();
      Checks.between("position", (long) position + chunk.size(), 0, Integer.MAX_VALUE);
      int[] kept = others(chunk.size(), anew);
      HeadPages pages = cache.pages();
      Row[] rows = new Row[sequence.rows()];
      Arrays.setAll(rows, row -> new Row(sequence, row, chunk.size(), kept.length));
      long needed = Arrays.stream(rows).mapToLong(Row::needed).sum();
      cache.requireFree(needed);
      Arrays.stream(rows).forEach(row -> row.take(pages));
      try {
        int[] fresh = Arrays.stream(rows).flatMapToInt(row -> Arrays.stream(row.fresh)).toArray();
        chunk.kept().write(cache, fresh);
        turn(rows, chunk.size(), position);
        closeRanks(rows, chunk.size(), kept);
      } catch (RuntimeException e) {
        Arrays.stream(rows).forEach(row -> row.giveBack(pages));
        throw e;
      }
      for (int row = 0; row < rows.length; row++) {
        rows[row].commit(row, pages);
      }
      sequence.continuedWith(chunk.size());
    }
  }

  /** The indices below {@code size} that are not in {@code anew}. */
  private static int[] others(int size, int... anew) {
    BitSet kept = new BitSet(size);
    kept.set(0, size);
    int before = -1;
    for (int i = 0; i < anew.length; i++) {
      Checks.between("anew[" + i + "]", anew[i], before + 1, size - 1);
      kept.clear(anew[i]);
      before = anew[i];
    }
    return kept.stream().toArray();
  }

  /** One row of the sequence: its last page if that is not full, and pages for the chunk. */
  private final class Row {
    private final Sequence sequence;

    /** Slots that the last page has, and its index. */
    private final int filled;

    private final int index;

    /** The last page, which is written if nobody else holds it, and where it is continued. */
    private final int last;

    private final boolean copied;
    private final int[] fresh;
    private final int kept;
    private int[] after = {};

    Row(Sequence sequence, int row, int size, int kept) {
      this.sequence = sequence;
      this.kept = kept;
      int pageSize = layout.pageSize();
      filled = sequence.length(row) % pageSize;
      index = sequence.length(row) / pageSize;
      last = filled == 0 ? -1 : sequence.page(row, index);
      copied = filled > 0 && cache.pages().holders(last) > 1;
      fresh = new int[(size + pageSize - 1) / pageSize];
    }

    int needed() {
      return fresh.length + (copied ? 1 : 0);
    }

    /** Slots of the part of the row that is worked on, before what is left out goes. */
    int before(int size) {
      return (filled == 0 ? 0 : layout.pageSize()) + size;
    }

    void take(HeadPages pages) {
      for (int i = 0; i < fresh.length; i++) {
        fresh[i] = pages.take();
      }
      int first = copied ? pages.take() : last;
      after = filled == 0 ? fresh : concat(first, fresh);
    }

    int[] from() {
      return filled == 0 ? fresh : concat(last, fresh);
    }

    private static int[] concat(int first, int... rest) {
      int[] all = new int[rest.length + 1];
      all[0] = first;
      System.arraycopy(rest, 0, all, 1, rest.length);
      return all;
    }

    void giveBack(HeadPages pages) {
      Arrays.stream(after).filter(page -> page != last).forEach(pages::give);
    }

    void commit(int row, HeadPages pages) {
      int used = (filled + kept + layout.pageSize() - 1) / layout.pageSize();
      int[] table = new int[index + used];
      for (int i = 0; i < index; i++) {
        table[i] = sequence.page(row, i);
      }
      for (int i = 0; i < after.length; i++) {
        if (i < used) {
          table[index + i] = after[i];
          pages.wrote(after[i]);
        } else {
          pages.give(after[i]);
        }
      }
      if (copied) {
        pages.give(last);
      }
      sequence.compact(row, index * layout.pageSize() + filled + kept, table);
    }
  }

  private PageTables tables() {
    return new PageTables(layout.layers(), layout.kvHeads(), layout.pageSize())
        .begin(1)
        .request(0, 0);
  }

  /** Turns the chunk's keys to the positions from {@code first} on. */
  private void turn(Row[] rows, int size, int first) {
    PageTables tables = tables();
    for (Row row : rows) {
      tables.row(size, row.fresh, 0, row.fresh.length);
    }
    rerotate.update(tables);
    int[] positions = new int[layout.kvHeads() * size];
    Arrays.setAll(positions, i -> first + i % size);
    for (int layer = 0; layer < layout.layers(); layer++) {
      rerotate.run(layer, Tensor.wrap(positions, positions.length));
    }
  }

  /** Moves what is kept of the chunk up to the sequence's last slot. */
  private void closeRanks(Row[] rows, int size, int... kept) {
    PageTables from = tables();
    PageTables to = tables();
    for (Row row : rows) {
      from.row(row.before(size), row.from(), 0, row.from().length);
      to.row(row.filled + kept.length, row.after, 0, row.after.length);
    }
    compact.update(from, to);
    for (int layer = 0; layer < layout.layers(); layer++) {
      int[] slots = new int[Math.toIntExact(from.slots(layer))];
      for (int head = 0; head < layout.kvHeads(); head++) {
        Row row = rows[cache.row(layer, head)];
        int at = (int) from.slotStart(from.rowOf(layer, 0, head));
        for (int i = 0; i < row.filled; i++) {
          slots[at++] = i;
        }
        for (int i : kept) {
          slots[at++] = row.before(0) + i;
        }
      }
      compact.run(layer, Tensor.wrap(slots, slots.length));
    }
  }

  @Override
  public void close() {
    rerotate.close();
    compact.close();
  }
}
