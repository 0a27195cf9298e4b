package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.PageTables;
import dev.warpwright.kernels.attention.SlotArray;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;

/**
 * Up to {@link SlotKernels#CHUNK} consecutive slots of a row, wherever their pages are. Keys that
 * do not lie in blocks, pages with infinities or NaN, and narrow types that many columns look at
 * are brought into F32 first.
 */
final class SlotChunk {
  private static final int BLOCK = Lanes.BLOCK;
  private static final int CHUNK = SlotKernels.CHUNK;

  /** Columns for which narrow types are converted in registers, each time they are read. */
  private static final int DIRECT_COLUMNS = 2 * SlotKernels.COLUMNS;

  private final KvPoolVector pool;
  private final KvLayout layout;
  private final SlotKernels kernels;
  private final SlotKernels packedKernels = new SlotKernelsF32();

  /** Whether pages are brought into F32 first: so many columns would convert them again. */
  private final boolean unpacks;

  private final int headDim;

  /** Keys of all slots, or the blocks that they are in. */
  private final long[] keys = new long[CHUNK];

  private final long[] values = new long[CHUNK];
  private final int[] positions = new int[CHUNK];
  private final long[] packedBlocks = new long[CHUNK / BLOCK];

  // Values in the order in which they are added: the first of each block, the second of each, …
  private final long[] valueRows = new long[CHUNK];
  private final int[] rowSlots = new int[CHUNK];

  private final MemorySegment packed;

  /** Values in F32; empty where the loops read them as they are. */
  private final MemorySegment unpacked;

  private final float[] value;

  /** Scales of keys, then of values, where the type has any. */
  private final float[] scales;

  private final float[] biases = new float[CHUNK];
  private @Nullable SlotArray bias;

  private boolean valuesUnpacked;
  private int slots;
  private int leastPosition;
  private int mostPosition;
  private boolean wild;

  /** Room for a chunk of slots of {@code pool} that at most {@code columns} columns look at. */
  SlotChunk(KvPoolVector pool, int columns) {
    this.pool = pool;
    this.layout = pool.layout();
    this.kernels = pool.kernels();
    this.unpacks = kernels.unpacks() && columns > DIRECT_COLUMNS;
    this.headDim = pool.spec().headDim();
    // An automatic arena: the scratch memory of a thread lives as long as its plan.
    packed = Arena.ofAuto().allocate((long) CHUNK * headDim * Float.BYTES, 64);
    unpacked = Arena.ofAuto().allocate(unpacks ? (long) CHUNK * unpackedBytes() : 0, 64);
    value = new float[layout.paddedDim()];
    scales = new float[pool.scales() == null ? 0 : 2 * CHUNK];
    for (int block = 0; block < packedBlocks.length; block++) {
      packedBlocks[block] = (long) block * BLOCK * headDim * Float.BYTES;
    }
  }

  /** Bytes of the room that grows with the head dimension. */
  long bytes() {
    return packed.byteSize()
        + unpacked.byteSize()
        + (long) Float.BYTES * (value.length + scales.length);
  }

  private int unpackedBytes() {
    return layout.paddedDim() * Float.BYTES;
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
      wild |= pool.isWild(page);
      MemorySegment.copy(
          pool.pages(), ValueLayout.JAVA_INT, layout.position(page, inPage), positions, done, n);
      long value = layout.value(page, inPage);
      for (int i = 0; i < n; i++) {
        values[done + i] = value + (long) i * layout.rowBytes();
      }
      int keyStep = layout.blocked() ? BLOCK : 1;
      for (int i = 0; i < n; i += keyStep) {
        keys[(done + i) / keyStep] = layout.key(page, inPage + i);
      }
      readScales(page, inPage, n, done);
      readBiases(page, inPage, n, done);
      done += n;
    }
    for (int i = 0; i < count; i++) {
      leastPosition = Math.min(leastPosition, positions[i]);
      mostPosition = Math.max(mostPosition, positions[i]);
    }
    for (int i = count; i < paddedSlots(); i++) {
      positions[i] = Integer.MAX_VALUE;
    }
  }

  private void readScales(int page, int slot, int count, int at) {
    SlotArray all = pool.scales();
    if (all == null) {
      return;
    }
    Tensor numbers = all.tensor();
    long from = all.at(page, slot);
    for (int i = 0; i < count; i++) {
      scales[at + i] = numbers.getFloat(from + 2L * i);
      scales[CHUNK + at + i] = numbers.getFloat(from + 2L * i + 1);
    }
  }

  private void readBiases(int page, int slot, int count, int at) {
    SlotArray beside = bias;
    if (beside == null) {
      return;
    }
    Tensor numbers = beside.tensor();
    long from = beside.at(page, slot);
    for (int i = 0; i < count; i++) {
      biases[at + i] = numbers.getFloat(from + i);
    }
  }

  /** Numbers beside the slots that are read along from now on; null for none. */
  void bias(@Nullable SlotArray value) {
    bias = value;
  }

  /** Whether numbers beside the slots are read. */
  boolean hasBias() {
    return bias != null;
  }

  /** The numbers beside the slots; what lies behind the last slot means nothing. */
  float[] biases() {
    return biases;
  }

  /** Finds blocks of keys and the order of values; brings keys into blocks when they are not. */
  void open() {
    int row = 0;
    for (int inBlock = 0; inBlock < BLOCK; inBlock++) {
      for (int slot = inBlock; slot < slots; slot += BLOCK) {
        valueRows[row] = values[slot];
        rowSlots[row++] = slot;
      }
    }
    valuesUnpacked = false;
    if (unpacks && !wild && layout.blocked()) {
      unpackKeys();
      return;
    }
    if (isPacked()) {
      for (int slot = 0; slot < slots; slot++) {
        pack(slot);
      }
      return;
    }
    // The kernel takes several blocks at a time: the last one fills up the list, its repeated
    // results are not looked at.
    int blocks = paddedSlots() / BLOCK;
    Arrays.fill(keys, blocks, CHUNK / BLOCK, keys[blocks - 1]);
  }

  private boolean isPacked() {
    return wild || !layout.blocked() || unpacks;
  }

  private void unpackKeys() {
    long vector = (long) Lanes.BLOCK * KvLayout.WORD;
    for (int block = 0; block < paddedSlots() / BLOCK; block++) {
      for (int word = 0; word < layout.words(); word++) {
        long from = keys[block] + word * vector;
        long to = packedBlocks[block] + (long) word * layout.wordElements() * vector;
        for (long lane = 0; lane < vector; lane += (long) Lanes.COUNT * KvLayout.WORD) {
          kernels.unpack(pool.pages(), from + lane, packed, to + lane, vector);
        }
      }
    }
  }

  private void unpackValues() {
    long vector = (long) Lanes.COUNT * KvLayout.WORD;
    for (int row = 0; row < slots; row++) {
      long to = (long) row * unpackedBytes();
      for (long at = 0; at < layout.rowBytes(); at += vector) {
        long toAt = to + at * layout.wordElements();
        kernels.unpack(pool.pages(), valueRows[row] + at, unpacked, toAt, vector);
      }
      valueRows[row] = to;
    }
    valuesUnpacked = true;
  }

  private void pack(int slot) {
    long from =
        layout.blocked() ? keys[slot / BLOCK] + (long) (slot % BLOCK) * KvLayout.WORD : keys[slot];
    long to = packedBlocks[slot / BLOCK] + (long) (slot % BLOCK) * Float.BYTES;
    for (int dim = 0; dim < headDim; dim++) {
      packed.set(
          ValueLayout.JAVA_FLOAT,
          to + (long) dim * BLOCK * Float.BYTES,
          get(from, layout.keyStride(), dim));
    }
  }

  private float get(long from, int stride, int dim) {
    int word = dim / layout.wordElements();
    return kernels.get(pool.pages(), from + (long) word * stride, dim % layout.wordElements());
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

  /**
   * Scales that are yet to be multiplied in, where the type has any: to logits those of keys, from
   * 0 on, to weights those of values, from {@code CHUNK} on; else an empty array.
   */
  float[] scales() {
    return scales;
  }

  /** Factor that makes logits of {@link #scores}. */
  float scoreScale() {
    return isPacked() ? 1 / kernels.queryScale() : kernels.scoreScale();
  }

  /** Dot products of four queries, from {@code at} on, with all keys. */
  void scores(float[] queries, int at, float[] scores) {
    Arrays.fill(scores, 0);
    int blocks = paddedSlots() / BLOCK;
    if (isPacked()) {
      packedKernels.scores(packed, packedBlocks, blocks, headDim, queries, at, scores);
    } else {
      kernels.scores(pool.pages(), keys, blocks, headDim, queries, at, scores);
    }
  }

  /** Adds the weighted values to four columns of {@code outs}, from {@code at} on. */
  void accumulate(float[] weights, float[] outs, int at) {
    int paddedDim = layout.paddedDim();
    if (!wild && unpacks) {
      if (!valuesUnpacked) {
        unpackValues();
      }
      packedKernels.accumulate(unpacked, valueRows, rowSlots, slots, paddedDim, weights, outs, at);
      return;
    }
    if (!wild) {
      kernels.accumulate(pool.pages(), valueRows, rowSlots, slots, paddedDim, weights, outs, at);
      return;
    }
    for (int row = 0; row < slots; row++) {
      for (int dim = 0; dim < headDim; dim++) {
        value[kernels.sumAt(dim)] = get(valueRows[row], KvLayout.WORD, dim) * kernels.valueScale();
      }
      for (int column = 0; column < SlotKernels.COLUMNS; column++) {
        float weight = weights[column * CHUNK + rowSlots[row]];
        // A masked value must not even be multiplied: 0 times an infinity is not 0.
        if (weight != 0) {
          add(weight, outs, at + column * paddedDim);
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
