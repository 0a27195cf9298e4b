package dev.warpwright.testkit;

import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.KernelDevice;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.KvQuantisation;
import dev.warpwright.kernels.attention.PageBuffer;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.PageTransferSpec.Direction;
import dev.warpwright.kernels.attention.SlotArray;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Some pages of a cache copied out, or others copied in; all bits are compared, those of slots that
 * were never filled included.
 *
 * @param plan the cache
 * @param direction out or in
 * @param share of the pages that are copied
 * @param widths of arrays beside the slots
 * @param seed of pages and contents
 */
record PageTransferCase(
    CaseCache.Plan plan, Direction direction, double share, List<Integer> widths, long seed)
    implements ContractCase {
  private static final int MOST = 1 << 16;

  /** Cases of one direction that are run always. */
  static List<PageTransferCase> extremes(Direction direction) {
    return List.of(
        drawn(direction, DType.F32, 16, 0, 5),
        drawn(direction, DType.F32, 16, 1, 0, 1, 16, 17),
        drawn(direction, DType.F16, 16, 0.5, 100, 33),
        drawn(direction, DType.F16, 5, 1, 64),
        drawn(direction, DType.F32, 1, 0.3, 20),
        drawn(direction, DType.F32, 128, 1, 300, 7));
  }

  /** Cases of one direction with types that a provider may lack. */
  static List<PageTransferCase> optional(Direction direction) {
    return CaseCache.NARROW.stream().map(dtype -> drawn(direction, dtype, 16, 1, 40, 3)).toList();
  }

  private static PageTransferCase drawn(
      Direction direction, DType dtype, int pageSize, double share, int... lengths) {
    List<Integer> widths = share == 1 ? List.of(1, 3) : List.of();
    CaseCache.Plan plan = SlotCases.plan(dtype, pageSize, false, lengths);
    return new PageTransferCase(plan, direction, share, widths, 9);
  }

  /** The sweep of one direction. */
  static List<PageTransferCase> sweep(Direction direction, int strength) {
    return AttentionSweep.unshared(strength, 1).stream()
        .map(s -> new PageTransferCase(s.plan(), direction, 0.5, List.of(2), s.seed()))
        .toList();
  }

  /** A random case of one direction. */
  static PageTransferCase random(Direction direction, CaseRandom random) {
    return new PageTransferCase(
        SlotCases.random(random),
        direction,
        random.oneOf(0.1, 0.5, 1.0),
        random.oneOf(List.of(), List.of(2), List.of(1, 4)),
        random.seed());
  }

  @Override
  public PageTransferSpec spec() {
    return spec(CaseAttention.onePage(plan));
  }

  private PageTransferSpec spec(KvPoolSpec pool) {
    return new PageTransferSpec(pool, MOST, direction);
  }

  @Override
  public double run(KernelDevice reference, KernelDevice device) {
    CaseRandom random = new CaseRandom(seed);
    CaseCache cache = new CaseCache(random, plan);
    int[] order = random.permutation(cache.spec().headPages());
    int count = (int) Math.round(share * order.length);
    try (CaseMemory memory = new CaseMemory(random);
        KvPool expected = cache.load(reference, memory);
        KvPool actual = cache.load(device, memory);
        PageTransfer want = reference.attention().pageTransfer(spec(cache.spec()), expected);
        PageTransfer got = device.attention().pageTransfer(spec(cache.spec()), actual)) {
      List<SlotArray> arrays = new ArrayList<>();
      if (expected.scales() != null && actual.scales() != null) {
        arrays.add(expected.scales());
        arrays.add(actual.scales());
      }
      for (int width : widths) {
        arrays.add(numbers(expected, width));
        arrays.add(numbers(actual, width));
      }
      Tensor pages = memory.input("pages", Arrays.copyOf(order, count), count);
      if (direction == Direction.GATHER) {
        PageBuffer outside = buffer(memory, "expected", count);
        PageBuffer copy = buffer(memory, "buffer", count);
        want.run(pages, outside);
        got.run(pages, copy);
        device.synchronize();
        bits("keys", outside.keys(), copy.keys());
        bits("values", outside.values(), copy.values());
        bits("positions", outside.positions(), copy.positions());
        for (int i = 0; i < outside.numbers().size(); i++) {
          bits("numbers", outside.numbers().get(i), copy.numbers().get(i));
        }
      } else {
        PageBuffer contents = contents(random, memory, count);
        want.run(pages, contents);
        got.run(pages, contents);
        device.synchronize();
      }
      memory.check();
      cache.compare(expected, actual, memory, Tolerance.BITS);
      for (int i = 0; i < arrays.size(); i += 2) {
        bits("array", read(reference, arrays.get(i)), read(device, arrays.get(i + 1)));
      }
      arrays.forEach(SlotArray::close);
      return 0;
    }
  }

  private PageBuffer buffer(CaseMemory memory, String name, int count) {
    int pageSize = plan.pageSize();
    int headDim = plan.heads().headDim();
    List<Tensor> numbers = new ArrayList<>();
    for (int width : allWidths()) {
      numbers.add(memory.output(name + " numbers", DType.F32, count, pageSize, width));
    }
    return new PageBuffer(
        memory.output(name + " keys", plan.dtype(), count, pageSize, headDim),
        memory.output(name + " values", plan.dtype(), count, pageSize, headDim),
        memory.output(name + " positions", DType.I32, count, pageSize),
        numbers);
  }

  /** Pages from elsewhere, infinities among them. */
  private PageBuffer contents(CaseRandom random, CaseMemory memory, int count) {
    int pageSize = plan.pageSize();
    int headDim = plan.heads().headDim();
    float[] keys = random.normals(count * pageSize * headDim, 1);
    float[] values = random.normals(keys.length, 1);
    if (keys.length > 0) {
      keys[random.between(0, keys.length - 1)] = Float.POSITIVE_INFINITY;
      values[random.between(0, keys.length - 1)] = Float.NaN;
    }
    int[] positions = new int[count * pageSize];
    Arrays.setAll(positions, i -> random.between(-1, 1 << 20));
    List<Tensor> numbers = new ArrayList<>();
    for (int width : allWidths()) {
      float[] drawn = random.normals(count * pageSize * width, 1);
      numbers.add(memory.input("numbers", drawn, count, pageSize, width));
    }
    return new PageBuffer(
        vectors("keys", keys, memory, count),
        vectors("values", values, memory, count),
        memory.input("positions", positions, count, pageSize),
        numbers);
  }

  private Tensor vectors(String name, float[] elements, CaseMemory memory, int count) {
    long[] shape = {count, plan.pageSize(), plan.heads().headDim()};
    if (plan.dtype() != DType.I8) {
      return memory.input(name, plan.dtype(), elements, shape);
    }
    byte[] codes = new byte[elements.length];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) (40 * elements[i]);
    }
    return memory.input(name, DType.I8, codes, shape);
  }

  /** Widths of all arrays of the pool, its scales included. */
  private List<Integer> allWidths() {
    List<Integer> all = new ArrayList<>(widths);
    if (KvQuantisation.applies(plan.dtype())) {
      all.addFirst(2);
    }
    return all;
  }

  /** Numbers beside the slots, all different. */
  private static SlotArray numbers(KvPool pool, int width) {
    SlotArray array = pool.attach("numbers", width, 0);
    Tensor all = array.tensor();
    float[] values = new float[(int) all.elements()];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    pool.device().copy(Tensor.wrap(values, all.size(0), all.size(1), width), all);
    return array;
  }

  private static Tensor read(KernelDevice device, SlotArray array) {
    Tensor all = array.tensor();
    Tensor copy =
        Tensor.wrap(new float[(int) all.elements()], all.size(0), all.size(1), all.size(2));
    device.copy(all, copy);
    return copy;
  }

  private static void bits(String name, Tensor expected, Tensor actual) {
    long at = expected.segment().mismatch(actual.segment());
    if (at >= 0) {
      throw new ContractViolation(name + " differ at byte " + at + " of " + expected.bytes());
    }
  }
}
