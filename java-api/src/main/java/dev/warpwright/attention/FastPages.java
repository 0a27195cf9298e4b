package dev.warpwright.attention;

import dev.warpwright.kernels.attention.PageTables;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.WeakHashMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Which pages each row of a sequence has in its small fast memory, by {@link OneBitPaging}. A page
 * is predicted to be asked for again if the token before asked for it, too.
 *
 * <p>Pages go by their numbers in the row, and each row has a memory of its own, so that nothing
 * depends on which other sequences are in a batch.
 */
final class FastPages {
  private final int rows;
  private final int pages;
  private final int frames;
  private final Map<Sequence, Memory[]> memories = new WeakHashMap<>();

  /** The memory of one row. */
  private static final class Memory {
    private final OneBitPaging paging;
    private final long compactions;
    private Set<Integer> asked = Set.of();

    Memory(int frames, int row, long compactions) {
      paging = new OneBitPaging(frames, row);
      this.compactions = compactions;
    }
  }

  /**
   * Empty memories.
   *
   * @param rows of a sequence
   * @param pages that a token asks for at most
   * @param frames pages that a memory holds, at least as many
   */
  FastPages(int rows, int pages, int frames) {
    this.rows = rows;
    this.pages = pages;
    this.frames = frames;
  }

  /**
   * Asks for the best pages of a row and tells which are in its memory then. A memory that is empty
   * is filled at once.
   *
   * @param tables of the row's layer
   * @param tableRow the row in them
   * @param scores as for {@link BestPages#of}, like {@code first} and {@code last}
   */
  int[] of(
      Sequence sequence,
      int row,
      PageTables tables,
      int tableRow,
      float[] scores,
      int first,
      int last) {
    Memory memory = memory(sequence, row);
    int most = memory.paging.resident() == 0 ? frames : pages;
    int[] asked = BestPages.of(tables, scores, tableRow, first, last, most);
    boolean[] again = new boolean[asked.length];
    for (int i = 0; i < asked.length; i++) {
      again[i] = memory.asked.contains(asked[i]);
    }
    memory.paging.request(Arrays.stream(asked).asLongStream().toArray(), again);
    memory.asked = new HashSet<>(Arrays.stream(asked).boxed().toList());
    return IntStream.range(0, tables.usedPageCount(tableRow))
        .filter(memory.paging::holds)
        .toArray();
  }

  /** A row's memory; a new one if slots moved from page to page since. */
  private Memory memory(Sequence sequence, int row) {
    Memory[] all = memories.computeIfAbsent(sequence, _ -> new Memory[rows]);
    @Nullable Memory known = all[row];
    if (known == null || known.compactions != sequence.compactions()) {
      known = new Memory(frames, row, sequence.compactions());
      all[row] = known;
    }
    return known;
  }

  /** What happened for a sequence since slots moved the last time. */
  PagingStatistics statistics(Sequence sequence) {
    PagingStatistics sum = PagingStatistics.NONE;
    for (@Nullable Memory memory : memories.getOrDefault(sequence, new Memory[0])) {
      sum = memory == null ? sum : sum.plus(PagingStatistics.of(memory.paging));
    }
    return sum;
  }
}
