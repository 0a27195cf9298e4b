package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.attention.PageTables;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;

/**
 * Up to {@link SlotKernels#CHUNK} consecutive slots of a row, wherever their pages are. Keys that
 * do not lie in blocks, and pages with infinities or NaN, are brought into F32 blocks first.
 */
final class SlotChunk {
  private static final int BLOCK = Lanes.BLOCK;
  private static final int CHUNK = SlotKernels.CHUNK;

  private final KvPoolVector pool;
  private final KvLayout layout;
  private final SlotKernels kernels;
  private final SlotKernels packedKernels = new SlotKernelsF32();
  private final int headDim;

  private final long[] keyBlocks = new long[CHUNK / BLOCK];
  private final long[] packedBlocks = new long[CHUNK / BLOCK];
  private final long[] valueRows = new long[CHUNK];
  private final long[] slotNumbers = new long[CHUNK];
  private final int[] positions = new int[CHUNK];
  private final MemorySegment packed;
  private final float[] value;

  private int slots;
  private int leastPosition;
  private int mostPosition;
  private boolean wild;

  /** Room for a chunk of slots of {@code pool}. */
  SlotChunk(KvPoolVector pool) {
    this.pool = pool;
    this.layout = pool.layout();
    this.kernels = pool.kernels();
    this.headDim = pool.spec().headDim();
    // An automatic arena: the scratch memory of a thread lives as long as its plan.
    packed = Arena.ofAuto().allocate((long) CHUNK * headDim * Float.BYTES, 64);
    value = new float[layout.paddedDim()];
    for (int block = 0; block < packedBlocks.length; block++) {
      packedBlocks[block] = (long) block * BLOCK * headDim * Float.BYTES;
    }
  }

  /** Bytes of the room that grows with the head dimension. */
  long bytes() {
    return packed.byteSize() + (long) Float.BYTES * value.length;
  }

  /** Takes the slots {@code from} to {@code from + count} of a row and reads their positions. */
  void load(PageTables batch, int row, int from, int count) {
    slots = count;
    wild = false;
    leastPosition = Integer.MAX_VALUE;
    mostPosition = Integer.MIN_VALUE;
    int pageSize = batch.pageSize();
    int index = from / pageSize;
    int inPage = from % pageSize;
    for (int done = 0; done < count; index++, inPage = 0) {
      int page = batch.page(row, index);
      int n = Math.min(pageSize - inPage, count - done);
      long slot = layout.slot(page, inPage);
      wild |= pool.isWild(page);
      for (int i = 0; i < n; i++) {
        int position = pool.positions().get(ValueLayout.JAVA_INT, (slot + i) * Integer.BYTES);
        positions[done + i] = position;
        slotNumbers[done + i] = slot + i;
        leastPosition = Math.min(leastPosition, position);
        mostPosition = Math.max(mostPosition, position);
      }
      done += n;
    }
    for (int i = count; i < paddedSlots(); i++) {
      positions[i] = Integer.MAX_VALUE;
    }
  }

  /** Finds keys and values; brings keys into blocks when they are not. */
  void open() {
    for (int i = 0; i < slots; i++) {
      valueRows[i] = layout.value(slotNumbers[i]);
    }
    if (isPacked()) {
      for (int i = 0; i < slots; i++) {
        pack(i, layout.key(slotNumbers[i]), layout.keyStride());
      }
      return;
    }
    // The kernel takes several blocks at a time: the last one fills up the list, its repeated
    // results are not looked at.
    int blocks = paddedSlots() / BLOCK;
    for (int block = 0; block < keyBlocks.length; block++) {
      keyBlocks[block] = layout.key(slotNumbers[Math.min(block, blocks - 1) * BLOCK]);
    }
  }

  private boolean isPacked() {
    return wild || !layout.blocked();
  }

  private void pack(int slot, long from, int stride) {
    long to = packedBlocks[slot / BLOCK] + (long) (slot % BLOCK) * Float.BYTES;
    for (int dim = 0; dim < headDim; dim++) {
      packed.set(
          ValueLayout.JAVA_FLOAT,
          to + (long) dim * BLOCK * Float.BYTES,
          kernels.get(pool.keys(), from + (long) dim * stride));
    }
  }

  /** Number of slots. */
  int slots() {
    return slots;
  }

  /** Number of slots rounded up to whole blocks. */
  int paddedSlots() {
    return (slots + BLOCK - 1) / BLOCK * BLOCK;
  }

  /** Smallest logical position of a slot. */
  int leastPosition() {
    return leastPosition;
  }

  /** Largest logical position of a slot. */
  int mostPosition() {
    return mostPosition;
  }

  /** Logical positions of the slots; those behind the end have one that no token has. */
  int[] positions() {
    return positions;
  }

  /** Factor that makes logits of {@link #scores}. */
  float scoreScale() {
    return isPacked() ? 1 / kernels.queryScale() : kernels.scoreScale();
  }

  /** Dot products of four queries, from {@code at} on, with all keys. */
  void scores(float[] queries, int at, float[] scores) {
    int blocks = paddedSlots() / BLOCK;
    for (int block = 0; block < blocks; block += SlotKernels.STREAMS) {
      if (isPacked()) {
        packedKernels.scores(packed, packedBlocks, block, headDim, queries, at, scores);
      } else {
        kernels.scores(pool.keys(), keyBlocks, block, headDim, queries, at, scores);
      }
    }
  }

  /** Adds the weighted values to four columns of {@code outs}, from {@code at} on. */
  void accumulate(float[] weights, float[] outs, int at) {
    if (!wild) {
      kernels.accumulate(pool.values(), valueRows, slots, layout.paddedDim(), weights, outs, at);
      return;
    }
    for (int slot = 0; slot < slots; slot++) {
      for (int dim = 0; dim < headDim; dim++) {
        long from = valueRows[slot] + (long) dim * pool.spec().dtype().bytes();
        value[dim] = kernels.get(pool.values(), from) * kernels.valueScale();
      }
      for (int column = 0; column < SlotKernels.COLUMNS; column++) {
        float weight = weights[column * CHUNK + slot];
        // A masked value must not even be multiplied: 0 times an infinity is not 0.
        if (weight != 0) {
          add(weight, outs, at + column * layout.paddedDim());
        }
      }
    }
  }

  private void add(float weight, float[] outs, int at) {
    for (int dim = 0; dim < value.length; dim += Lanes.COUNT) {
      FloatVector.fromArray(Lanes.F, value, dim)
          .fma(
              FloatVector.broadcast(Lanes.F, weight),
              FloatVector.fromArray(Lanes.F, outs, at + dim))
          .intoArray(outs, at + dim);
    }
  }
}
