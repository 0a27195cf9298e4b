package dev.warpwright.tornado.sparse;

import dev.warpwright.kernels.Resource;
import dev.warpwright.tornado.BySize;
import dev.warpwright.tornado.Program;
import dev.warpwright.tornado.TornadoKernelDevice;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The weights of many matrices, one after the other in the same arrays, which stay on the device.
 * TornadoVM compiles a kernel for the arrays that it is bound to: so one kernel serves all
 * matrices, and is told where each begins. Threads that use a heap take turns, holding its lock.
 */
public final class WeightHeap implements Resource {
  /** Elements of each array that are not exceeded but by a single matrix. */
  private static final long ROOM = 1 << 26;

  /** Arrays of inputs and outputs have at least so many elements. */
  private static final int LEAST = 256;

  private final TornadoKernelDevice device;
  private final List<Block> blocks = new ArrayList<>();
  private final Map<Object, Object> kernels = new HashMap<>();
  private @Nullable StoredWeights arrays;
  private @Nullable Program program;

  /** A heap without matrices. */
  public WeightHeap(TornadoKernelDevice device) {
    this.device = device;
  }

  /** The place of some weights in a heap. */
  public static final class Block {
    /** Where the weights are until they have a place. */
    private @Nullable StoredWeights source;

    private final WeightHeap heap;
    private final long[] sizes;
    private final long[] starts;

    private Block(WeightHeap heap, StoredWeights source) {
      this.heap = heap;
      this.source = source;
      sizes = Arrays.stream(source.arrays()).mapToLong(TornadoNativeArray::getSize).toArray();
      starts = new long[sizes.length];
    }

    /** The heap. */
    public WeightHeap heap() {
      return heap;
    }

    /** Where the weights begin in array {@code number} of {@link StoredWeights#arrays}. */
    public int start(int number) {
      return Math.toIntExact(starts[number]);
    }
  }

  /** Whether there is room for some weights, and others are of their kind. */
  synchronized boolean takes(StoredWeights weights) {
    if (blocks.isEmpty()) {
      return true;
    }
    Block added = new Block(this, weights);
    return added.sizes.length == blocks.getFirst().sizes.length
        && LongStream.range(0, added.sizes.length)
            .allMatch(i -> added.sizes[(int) i] + needed((int) i) <= ROOM);
  }

  /** Adds weights, which the heap must take. */
  synchronized Block add(StoredWeights weights) {
    Block added = new Block(this, weights);
    blocks.add(added);
    return added;
  }

  /** Frees a place; twice is as good as once. */
  public synchronized void remove(Block block) {
    blocks.remove(block);
  }

  /** The arrays that kernels are bound to. */
  public StoredWeights arrays() {
    return required(arrays);
  }

  /** The program that kernels are added to. */
  public Program program() {
    return required(program);
  }

  private static <T> T required(@Nullable T part) {
    if (part == null) {
      throw new IllegalStateException("no block has a place");
    }
    return part;
  }

  /**
   * A kernel with arrays of some sizes, for blocks that it takes the place of from the heap; those
   * for fewer rows are made with it, because a program to which a kernel is added is compiled anew.
   * The caller holds the lock.
   *
   * @param block what is to be read
   * @param kind what the kernel does
   * @param make makes a kernel with arrays of the sizes that it is given, for this heap
   * @param sizes least elements of its arrays
   */
  @SuppressWarnings("unchecked") // a kind stands for one class
  public <T> T kernel(Block block, Object kind, Function<int[], T> make, long... sizes) {
    place(block);
    int[] capacities = new int[sizes.length];
    for (int i = 0; i < sizes.length; i++) {
      capacities[i] = capacity(Math.toIntExact(sizes[i]));
    }
    Object key = key(kind, capacities);
    if (!kernels.containsKey(key)) {
      int[] fewer = capacities.clone();
      do {
        int[] now = fewer.clone();
        kernels.computeIfAbsent(key(kind, now), k -> make.apply(now));
        Arrays.setAll(fewer, i -> capacity(fewer[i] / 4));
        if (Arrays.equals(fewer, now)) {
          break;
        }
      } while (true);
    }
    return (T) required(kernels.get(key));
  }

  private static Object key(Object kind, int[] capacities) {
    return List.of(kind, Arrays.stream(capacities).boxed().toList());
  }

  private static int capacity(int elements) {
    return Math.max(LEAST, BySize.capacity(elements, (int) Program.MOST_ELEMENTS));
  }

  private long needed(int number) {
    return blocks.stream().mapToLong(block -> block.sizes[number]).sum();
  }

  /** Gives all blocks that have none a place; those that have one may move. */
  private void place(Block block) {
    if (block.source == null) {
      return;
    }
    long[] needed = new long[block.sizes.length];
    Arrays.setAll(needed, this::needed);
    StoredWeights before = arrays;
    StoredWeights after = before != null && fits(needed, before) ? before : room(block, needed);
    long[] ends = new long[needed.length];
    blocks.sort((one, other) -> Boolean.compare(one.source != null, other.source != null));
    for (Block next : blocks) {
      StoredWeights source = next.source == null ? required(before) : next.source;
      for (int i = 0; i < ends.length; i++) {
        MemorySegment.copy(
            source.arrays()[i].getSegment(),
            next.source == null ? next.starts[i] * Integer.BYTES : 0,
            after.arrays()[i].getSegment(),
            ends[i] * Integer.BYTES,
            next.sizes[i] * Integer.BYTES);
        next.starts[i] = ends[i];
        ends[i] += next.sizes[i];
      }
      next.source = null;
    }
    if (after != before) {
      replace(after);
    }
    required(program).changed();
  }

  private static boolean fits(long[] needed, StoredWeights arrays) {
    for (int i = 0; i < needed.length; i++) {
      if (i >= arrays.arrays().length || needed[i] > arrays.arrays()[i].getSize()) {
        return false;
      }
    }
    return arrays.arrays().length == needed.length;
  }

  private static StoredWeights room(Block block, long[] sizes) {
    return required(block.source).ofSizes(sizes);
  }

  private void replace(StoredWeights after) {
    Program old = program;
    kernels.clear();
    arrays = after;
    program = new Program(device, (Object[]) after.arrays());
    if (old != null) {
      old.close();
    }
  }

  @Override
  public synchronized void close() {
    Program old = program;
    program = null;
    arrays = null;
    kernels.clear();
    if (old != null) {
      old.close();
    }
  }
}
