package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.Heads;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.KvQuantisation;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Pages and page tables of a case. Pages are handed out in random order; slots that are not filled,
 * and pages that no row uses, hold NaN and wild positions, so that whoever reads them is found out.
 */
public final class CaseCache {
  /** Element types that a provider may lack. */
  static final List<DType> NARROW = List.of(DType.BF16, DType.I8, DType.F8E4M3);

  private final CaseRandom random;
  private final Heads heads;
  private final KvPoolSpec spec;
  private final PageTables tables;
  private final float[] keys;
  private final float[] values;
  private final int[] positions;
  private double largestKey;
  private double largestValue;
  private int largestPosition;

  /** How the logical positions of a row's slots relate to the query's. */
  public enum Order {
    /** Slot s holds token s, and the new tokens are the last ones. */
    NATURAL,
    /** The same positions in random order, as after evictions and moves. */
    SHUFFLED,
    /** Ever larger gaps, and some slots behind the query. */
    GAPS,
    /** All slots behind all queries: nothing is visible. */
    FUTURE
  }

  /**
   * What a cache looks like.
   *
   * @param heads layers, heads and head dimension
   * @param dtype element type of the pool
   * @param pageSize slots a page
   * @param lengths filled slots of each request, new tokens included
   * @param newTokens query tokens of each request
   * @param ragged whether rows of a request differ in length, as after evictions by head
   * @param shared whether all requests share the pages that they fill wholly with request 0
   * @param order logical positions
   * @param deviation of keys and values
   */
  public record Plan(
      Heads heads,
      DType dtype,
      int pageSize,
      List<Integer> lengths,
      List<Integer> newTokens,
      boolean ragged,
      boolean shared,
      Order order,
      float deviation) {
    /** Most requests of a plan over this cache. */
    int maxRequests() {
      return Math.max(64, lengths.size());
    }

    @Override
    public String toString() {
      return heads
          + " "
          + dtype
          + " pages of "
          + pageSize
          + ", lengths "
          + lengths
          + ", new "
          + newTokens
          + (ragged ? ", ragged" : "")
          + (shared ? ", shared" : "")
          + ", "
          + order
          + ", deviation "
          + deviation;
    }
  }

  /** A list of numbers, for {@link Plan}. */
  static List<Integer> list(int... values) {
    return IntStream.of(values).boxed().toList();
  }

  /** Draws pages and contents. */
  public CaseCache(CaseRandom random, Plan plan) {
    this.random = random;
    this.heads = plan.heads();
    int pageSize = plan.pageSize();
    int requests = plan.lengths().size();
    int rows = heads.layers() * requests * heads.kvHeads();
    int[] lengths = new int[rows];
    int pages = 3;
    for (int row = 0; row < rows; row++) {
      int request = row / heads.kvHeads() % requests;
      int most = plan.lengths().get(request);
      int least = Math.min(most, plan.newTokens().get(request));
      lengths[row] = plan.ragged() ? random.between(least, most) : most;
      pages += (lengths[row] + pageSize - 1) / pageSize + 1;
    }
    spec = new KvPoolSpec(pages, pageSize, heads.headDim(), plan.dtype());
    keys = new float[pages * pageSize * heads.headDim()];
    values = new float[keys.length];
    positions = new int[pages * pageSize];
    Arrays.fill(keys, Float.NaN);
    Arrays.fill(values, Float.NaN);
    Arrays.setAll(positions, slot -> random.between(0, 9));
    tables = new PageTables(heads.layers(), heads.kvHeads(), pageSize).begin(requests);
    for (int request = 0; request < requests; request++) {
      int tokens = plan.newTokens().get(request);
      tables.request(tokens, Math.max(0, plan.lengths().get(request) - tokens));
    }
    int[] free = random.permutation(pages);
    int used = 0;
    int[][] pagesOf = new int[rows][];
    for (int row = 0; row < rows; row++) {
      int request = row / heads.kvHeads() % requests;
      int[] order = order(plan, request, lengths[row]);
      // One page more than needed now and then: tables may be reserved ahead.
      int[] rowPages =
          new int[(lengths[row] + pageSize - 1) / pageSize + (random.chance(0.3) ? 1 : 0)];
      for (int index = 0; index < rowPages.length; index++) {
        int first = row - request * heads.kvHeads();
        boolean share =
            plan.shared()
                && request > 0
                && (index + 1) * pageSize <= Math.min(lengths[row], lengths[first]);
        rowPages[index] = share ? pagesOf[first][index] : free[used++];
        for (int s = 0; s < pageSize && !share && index * pageSize + s < lengths[row]; s++) {
          fill(rowPages[index], s, order[index * pageSize + s], plan.deviation());
        }
      }
      pagesOf[row] = rowPages;
      tables.row(lengths[row], rowPages, 0, rowPages.length);
    }
  }

  private int[] order(Plan plan, int request, int length) {
    int behind = plan.lengths().get(request);
    return switch (plan.order()) {
      case NATURAL -> IntStream.range(0, length).toArray();
      case SHUFFLED -> random.permutation(length);
      case GAPS -> IntStream.range(0, length).map(s -> s + s / 3 * random.between(1, 2)).toArray();
      case FUTURE -> IntStream.range(0, length).map(s -> behind + s).toArray();
    };
  }

  private void fill(int page, int slot, int position, float deviation) {
    int at = page * spec.pageSize() + slot;
    positions[at] = position;
    largestPosition = Math.max(largestPosition, position);
    double keyNorm = 0;
    for (int dim = 0; dim < heads.headDim(); dim++) {
      int element = at * heads.headDim() + dim;
      keys[element] = deviation * random.normal();
      values[element] = deviation * random.normal();
      keyNorm += (double) keys[element] * keys[element];
      largestValue = Math.max(largestValue, Math.abs(values[element]));
    }
    largestKey = Math.max(largestKey, Math.sqrt(keyNorm));
  }

  /** Size and type of the pool. */
  public KvPoolSpec spec() {
    return spec;
  }

  /** The batch. */
  public PageTables tables() {
    return tables;
  }

  /** Largest Euclidean norm of a key. */
  public double largestKey() {
    return largestKey;
  }

  /** Largest magnitude of an element of a value. */
  public double largestValue() {
    return largestValue;
  }

  /** Logical position of a slot of a row. */
  int position(int row, int slot) {
    int page = tables.page(row, slot / spec.pageSize());
    return positions[page * spec.pageSize() + slot % spec.pageSize()];
  }

  /** Largest logical position of a filled slot. */
  public int largestPosition() {
    return largestPosition;
  }

  /** A pool of {@code device} with these contents; the caller closes it. */
  public KvPool load(KernelDevice device, CaseMemory memory) {
    KvPool pool = device.attention().pool(spec);
    SlotArray scales = pool.scales();
    float[] numbers = new float[scales == null ? 0 : 2 * positions.length];
    pool.importPages(
        allPages(),
        vectors("keys", keys, numbers, 0, memory),
        vectors("values", values, numbers, 1, memory),
        memory.input("positions", positions, spec.headPages(), spec.pageSize()));
    if (scales != null) {
      device.copy(Tensor.wrap(numbers, spec.headPages(), spec.pageSize(), 2), scales.tensor());
    }
    return pool;
  }

  /** Keys or values in the pool's type, and every other one of {@code scales} from an index on. */
  private Tensor vectors(
      String name, float[] elements, float[] scales, int from, CaseMemory memory) {
    if (scales.length == 0) {
      return memory.input(name, spec.dtype(), elements, shape());
    }
    int headDim = spec.headDim();
    byte[] codes = new byte[elements.length];
    for (int slot = 0; slot < positions.length; slot++) {
      float[] vector = Arrays.copyOfRange(elements, slot * headDim, (slot + 1) * headDim);
      float scale = KvQuantisation.scale(spec.dtype(), vector);
      scales[2 * slot + from] = scale;
      for (int dim = 0; dim < headDim; dim++) {
        codes[slot * headDim + dim] = KvQuantisation.code(spec.dtype(), vector[dim], scale);
      }
    }
    return memory.input(name, spec.dtype(), codes, shape());
  }

  /**
   * How far a rotated vector may lie from the reference when it is stored: two products and a sum
   * of F32 are rounded each, and that may tip an element over to the neighbour that the type has.
   *
   * @param largest magnitude of an element before
   */
  static Tolerance rotated(DType dtype, double largest) {
    double sums = 0x1p-22 * largest;
    return switch (dtype) {
      case F16 -> new Tolerance(sums + 0x1p-24, 0x1p-10);
      case BF16 -> new Tolerance(sums, 0x1p-7);
      // A step is a 127th of the largest element, which a rotation makes √2 times as large at most.
      case I8 -> new Tolerance(sums + 1.5 * largest / 127, 0);
      // Subnormal codes are steps of 2^−9 of a 448th.
      case F8E4M3 -> new Tolerance(sums + 1.5 * largest / 448 * 0x1p-9, 0x1p-3);
      default -> new Tolerance(sums, 0);
    };
  }

  /**
   * Compares all of two pools, slots that nothing was written to included.
   *
   * @return the largest error as a fraction of what is allowed
   */
  public double compare(KvPool expected, KvPool actual, CaseMemory memory, Tolerance keyTolerance) {
    return compare(expected, actual, memory, keyTolerance, Tolerance.BITS);
  }

  /** The same where values differ too. */
  double compare(
      KvPool expected,
      KvPool actual,
      CaseMemory memory,
      Tolerance keyTolerance,
      Tolerance valueTolerance) {
    Tensor[] want = dump(expected, memory);
    Tensor[] got = dump(actual, memory);
    double worst = Compare.floats("keys of the pool", want[0], got[0], keyTolerance);
    double worstValue = Compare.floats("values of the pool", want[1], got[1], valueTolerance);
    Compare.ints("positions of the pool", want[2], got[2]);
    return Math.max(worst, worstValue);
  }

  private Tensor[] dump(KvPool pool, CaseMemory memory) {
    Tensor k = memory.output("exported keys", spec.dtype(), shape());
    Tensor v = memory.output("exported values", spec.dtype(), shape());
    Tensor p = memory.output("exported positions", DType.I32, spec.headPages(), spec.pageSize());
    pool.exportPages(allPages(), k, v, p);
    SlotArray scales = pool.scales();
    if (scales == null) {
      return new Tensor[] {k, v, p};
    }
    Tensor numbers =
        Tensor.wrap(new float[2 * positions.length], spec.headPages(), spec.pageSize(), 2);
    pool.device().copy(scales.tensor(), numbers);
    return new Tensor[] {decoded(k, numbers, 0), decoded(v, numbers, 1), p};
  }

  private Tensor decoded(Tensor codes, Tensor scales, int from) {
    float[] elements = new float[keys.length];
    for (int i = 0; i < elements.length; i++) {
      byte code = codes.segment().get(ValueLayout.JAVA_BYTE, i);
      float scale = scales.getFloat(2L * (i / spec.headDim()) + from);
      elements[i] = KvQuantisation.value(spec.dtype(), code, scale);
    }
    return Tensor.wrap(elements, shape());
  }

  private int[] allPages() {
    return IntStream.range(0, spec.headPages()).toArray();
  }

  private long[] shape() {
    return new long[] {spec.headPages(), spec.pageSize(), spec.headDim()};
  }
}
