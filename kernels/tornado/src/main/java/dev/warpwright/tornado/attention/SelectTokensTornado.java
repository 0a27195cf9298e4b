package dev.warpwright.tornado.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.Masking;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.Rope;
import dev.warpwright.kernels.attention.SelectTokens;
import dev.warpwright.kernels.attention.SelectTokensSpec;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.Staged;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.util.List;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/**
 * {@link SelectTokens} with one group of work items a row. Scores come as the bits of floats, which
 * order like integers once those of negative numbers are turned around. Protected tokens get a rank
 * above all scores; the rank of the last slot that is kept is found bit by bit, by counting; among
 * slots of that rank the first are kept.
 */
final class SelectTokensTornado extends SelectTokens {
  /** Numbers before those of the rows: bits of a rank, and the protected prefix. */
  private static final int HEADER = 2;

  /** Numbers of a row: its budget, and the position from which on tokens are recent. */
  private static final int ROW = 2;

  private final KvPoolTornado pages;
  private final RotationTornado rotation = new RotationTornado(Rope.NONE, 0);
  private final StepTable table = new StepTable();

  SelectTokensTornado(TornadoKernelDevice device, SelectTokensSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    pages = (KvPoolTornado) pool;
  }

  /**
   * Chooses.
   *
   * @param choice numbers of the step, and two a row
   * @param scores bits of the scores
   * @param ranks integers in the order of the scores, written here
   */
  static void selectTokens(
      KernelContext context,
      IntArray step,
      IntArray choice,
      IntArray positions,
      IntArray scores,
      IntArray ranks,
      IntArray kept) {
    int lane = context.localIdx;
    int lanes = context.localGroupSizeX;
    int[] counts = context.allocateIntLocalArray(Program.GROUP);
    int row = step.get(StepTable.ROWS_AT) + StepTable.ROW * context.groupIdx;
    int length = step.get(row);
    int pages = step.get(StepTable.PAGES_AT) + step.get(row + 1);
    int start = step.get(row + 2);
    int pageSize = step.get(StepTable.PAGE_SIZE);
    int bits = choice.get(0);
    int prefix = choice.get(1);
    int budget = choice.get(HEADER + ROW * context.groupIdx);
    int recent = choice.get(HEADER + ROW * context.groupIdx + 1);
    for (int slot = lane; slot < length; slot += lanes) {
      int index = slot / pageSize;
      int position = positions.get(step.get(pages + index) * pageSize + slot - index * pageSize);
      int rank = rank(scores.get(start + slot));
      if (position < prefix) {
        rank = Integer.MAX_VALUE;
      }
      if (position >= recent) {
        rank = Integer.MAX_VALUE;
      }
      ranks.set(start + slot, rank);
    }
    int least = Integer.MIN_VALUE;
    int tried = 0;
    int bit = 1 << 30;
    for (int round = 0; round < bits; round++) {
      int own = 0;
      for (int slot = lane; slot < length; slot += lanes) {
        if (ranks.get(start + slot) >= tried) {
          own = own + 1;
        }
      }
      counts[lane] = own;
      context.localBarrier();
      int count = 0;
      for (int j = 0; j < lanes; j++) {
        count = count + counts[j];
      }
      context.localBarrier();
      if (count >= budget) {
        least = tried;
      }
      tried = least + bit;
      bit = bit >> 1;
    }
    int above = 0;
    for (int slot = lane; slot < length; slot += lanes) {
      if (ranks.get(start + slot) > least) {
        above = above + 1;
      }
    }
    counts[lane] = above;
    context.localBarrier();
    int ties = budget;
    for (int j = 0; j < lanes; j++) {
      ties = ties - counts[j];
    }
    context.localBarrier();
    int done = 0;
    for (int from = 0; from < length; from += lanes) {
      int slot = from + lane;
      int state = 0;
      if (slot < length) {
        int rank = ranks.get(start + slot);
        if (rank > least) {
          state = 1;
        } else if (rank == least) {
          state = 2;
        }
      }
      // 1 for what is kept, 2 for a tie.
      counts[lane] = state;
      context.localBarrier();
      int before = 0;
      int all = 0;
      for (int j = 0; j < lanes; j++) {
        int other = counts[j];
        int one = 0;
        if (other == 1) {
          one = 1;
        }
        if (other > 1) {
          if (ties > 0) {
            one = 1;
          }
          ties = ties - 1;
        }
        if (j == lane) {
          before = all;
          if (one == 1) {
            state = 1;
          } else {
            state = 0;
          }
        }
        all = all + one;
      }
      if (state == 1) {
        kept.set(start + done + before, slot);
      }
      done = done + all;
      context.localBarrier();
    }
    for (int slot = done + lane; slot < length; slot += lanes) {
      kept.set(start + slot, -1);
    }
  }

  /** An integer that is larger for a larger score; the least of all for NaN. */
  static int rank(int bits) {
    int size = bits & 0x7fffffff;
    int result = size;
    if (bits < 0) {
      result = -size;
    }
    if (size > 0x7f800000) {
      result = Integer.MIN_VALUE;
    }
    return result;
  }

  /** Numbers of up to some number of slots, and the kernel. */
  private static final class Slots {
    final Program program;
    final Program.Kernel kernel;
    final IntArray step;
    final IntArray choice;
    final IntArray scores;
    final IntArray kept;

    Slots(KvPoolTornado pool, int numbers, int rows, int slots) {
      step = Staged.ints(numbers);
      choice = Staged.ints(HEADER + (long) ROW * rows);
      scores = Staged.ints(slots);
      kept = Staged.ints(slots);
      IntArray ranks = Staged.ints(slots);
      KernelContext context = new KernelContext();
      program = pool.program();
      kernel =
          program.add(
              "selectTokens",
              List.of(step, choice, scores),
              List.of(kept),
              false,
              List.of(
                  graph ->
                      graph.task(
                          Program.task(0),
                          SelectTokensTornado::selectTokens,
                          context,
                          step,
                          choice,
                          pool.positions(),
                          scores,
                          ranks,
                          kept)));
    }
  }

  @Override
  protected void prepare(PageTables batch) {}

  @Override
  protected void execute(PageTables batch, int layer, Tensor scores, Tensor budgets, Tensor kept) {
    table.fill(batch, layer, heads(), Masking.NONE, rotation, 0, 0, false);
    int rows = batch.requests() * heads().kvHeads();
    int numbers = table.capacity();
    int rowCapacity = BySize.capacity(rows, Integer.MAX_VALUE);
    int capacity = BySize.capacity(Math.toIntExact(kept.elements()), Integer.MAX_VALUE);
    synchronized (pages.program()) {
      Slots run =
          pages.kernel(
              List.of(Slots.class, numbers, rowCapacity),
              capacity,
              n -> new Slots(pages, numbers, rowCapacity, n));
      table.copyTo(run.step);
      run.choice.set(0, Integer.SIZE);
      run.choice.set(1, spec().protectedPrefix());
      for (int row = 0; row < rows; row++) {
        int request = row / heads().kvHeads();
        int recent = batch.nextPosition(request) - spec().recents();
        int length = batch.length(batch.rowOf(layer, 0, 0) + row);
        run.choice.set(HEADER + ROW * row, Math.min(budgets.getInt(row), length));
        run.choice.set(HEADER + ROW * row + 1, recent);
      }
      Staged.in(scores, run.scores);
      run.program.run(run.kernel, rows);
      Staged.out(run.kept, kept);
    }
  }

  @Override
  protected void release() {}
}
