package dev.warpwright.attention;

import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Resource;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.AttentionBias;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.ScoreAccumulateSpec.Statistic;
import dev.warpwright.kernels.attention.SlotArray;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** The numbers beside the slots of a cache that an {@link Observation} asks for. */
final class ScoreNotes implements Resource {
  private final KernelDevice device;
  private final int pageSize;
  private final @Nullable SlotArray scores;
  private final @Nullable SlotArray entropies;
  private final @Nullable SlotArray counts;

  ScoreNotes(KernelDevice device, KvPool pool, Observation observation) {
    this.device = device;
    pageSize = pool.spec().pageSize();
    boolean moments = observation.kind() == Observation.Kind.MOMENTS;
    scores =
        observation.kind() == Observation.Kind.NOTHING
            ? null
            : pool.attach("scores", (moments ? Statistic.MOMENTS : Statistic.SUM).width(), 0);
    entropies = moments ? pool.attach("entropies", 1, 0) : null;
    counts = observation.counts() ? pool.attach("counts", 1, 0) : null;
  }

  /** Sums, last scores or moments; null when nothing is noted. */
  @Nullable SlotArray scores() {
    return scores;
  }

  /** Entropies; null unless moments are noted. */
  @Nullable SlotArray entropies() {
    return entropies;
  }

  /** Logarithms of the numbers of tokens that slots stand for; null unless they are counted. */
  @Nullable SlotArray counts() {
    return counts;
  }

  /** A bias with the counts of merged tokens, if any are kept. */
  AttentionBias counted(AttentionBias bias) {
    return counts == null ? bias : bias.withSlotBias(counts);
  }

  /** Memory that the numbers hold. */
  long bytes() {
    return (scores == null ? 0 : scores.tensor().bytes())
        + (entropies == null ? 0 : entropies.tensor().bytes())
        + (counts == null ? 0 : counts.tensor().bytes());
  }

  /** Forgets what was noted of the slots of a row. */
  void forget(Sequence sequence, int row) {
    int[] pages = new int[sequence.pageCount(row)];
    for (int i = 0; i < pages.length; i++) {
      pages[i] = sequence.page(row, i);
    }
    if (scores != null) {
      scores.reset(pages);
    }
    if (entropies != null) {
      entropies.reset(pages);
    }
  }

  /** What was noted of a row. */
  RowStatistics row(Sequence sequence, int row) {
    int width = scores == null ? 1 : scores.width();
    return new Row(
        sequence.length(row), width, read(scores, sequence, row), read(entropies, sequence, row));
  }

  private float[] read(@Nullable SlotArray array, Sequence sequence, int row) {
    if (array == null) {
      return new float[sequence.length(row)];
    }
    int perPage = pageSize * array.width();
    float[] numbers = new float[sequence.pageCount(row) * perPage];
    for (int i = 0; i < sequence.pageCount(row); i++) {
      Tensor page = array.tensor().row(sequence.page(row, i));
      if (page.isHost()) {
        MemorySegment.copy(
            page.segment(), ValueLayout.JAVA_FLOAT_UNALIGNED, 0, numbers, i * perPage, perPage);
      } else {
        Tensor copy = Tensor.wrap(new float[perPage], pageSize, array.width());
        device.copy(page, copy);
        System.arraycopy(copy.toFloats(), 0, numbers, i * perPage, perPage);
      }
    }
    return numbers;
  }

  /** Numbers of one row, in the order of its slots. */
  private static final class Row implements RowStatistics {
    private final int length;
    private final int width;
    private final float[] scores;
    private final float[] entropies;

    Row(int length, int width, float[] scores, float[] entropies) {
      this.length = length;
      this.width = width;
      this.scores = scores;
      this.entropies = entropies;
    }

    @Override
    public int length() {
      return length;
    }

    @Override
    public float score(int slot) {
      return width == 1 ? scores[slot] : scores[slot * width + 1];
    }

    @Override
    public float variance(int slot) {
      float count = width == 1 ? 0 : scores[slot * width];
      return count < 2 ? 0 : scores[slot * width + 2] / (count - 1);
    }

    @Override
    public float entropy(int slot) {
      return entropies[slot];
    }
  }

  @Override
  public void close() {
    if (scores != null) {
      scores.close();
    }
    if (entropies != null) {
      entropies.close();
    }
    if (counts != null) {
      counts.close();
    }
  }
}
