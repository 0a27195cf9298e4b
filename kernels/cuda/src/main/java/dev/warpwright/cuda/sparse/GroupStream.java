package dev.warpwright.cuda.sparse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.function.IntUnaryOperator;

/** The layout of {@code groups.cuh}: the chunks, and the tables that find them. */
final class GroupStream {
  /** Columns that lie together, unless a group has fewer. */
  private static final int STEP = 16;

  private final KeptGroups groups;
  private final ChunkSizes sizes;
  private final int blocks;
  private final int blockChunks;

  /** Where each chunk begins, in units of 16 bytes. */
  private final int[] chunkStart;

  /** The first chunk of each slice, counting the chunks of a panel's block. */
  private final int[] sliceChunk;

  /** The first slice of each panel. */
  private final int[] panelSlice;

  /** Kept groups of the current chunk, tile by tile. */
  private final long[] kept;

  /** For each tile of the current chunk, a bit for each row that has the group. */
  private final int[] masks;

  /** Measures the chunks and cuts the work. */
  GroupStream(KeptGroups groups, int rows, int columns) {
    this.groups = groups;
    sizes = groups.sizes();
    blocks = Blocks.count(rows);
    blockChunks = sizes.chunks(columns);
    kept = new long[Blocks.ROWS * sizes.tiles()];
    masks = new int[sizes.tiles()];
    chunkStart = new int[Math.toIntExact((long) blocks * blockChunks + 1)];
    int panels = Blocks.panels(rows);
    panelSlice = new int[panels + 1];
    int[] cuts = new int[Math.multiplyExact(panels, sizes.mostSlices(columns)) + 1];
    for (int block = 0; block < blocks; block++) {
      groups.begin(block);
      for (int chunk = 0; chunk < blockChunks; chunk++) {
        int count = take(chunk);
        int number = block * blockChunks + chunk;
        long end = chunkStart(number) + sizes.bytes(tiles(chunk), count);
        chunkStart[number + 1] = (int) unsigned(end / ChunkSizes.UNIT);
      }
    }
    for (int panel = 0; panel < panels; panel++) {
      cut(panel, columns, cuts);
    }
    sliceChunk = Arrays.copyOf(cuts, panelSlice[panels] + 1);
  }

  private static long unsigned(long units) {
    if (units > 0xFFFF_FFFFL) {
      throw new ArithmeticException("weights of more than 64 GiB in one matrix");
    }
    return units;
  }

  private long chunkStart(int chunk) {
    return Integer.toUnsignedLong(chunkStart[chunk]) * ChunkSizes.UNIT;
  }

  /** Groups of a row in a chunk. */
  private int tiles(int chunk) {
    return Math.min(sizes.tiles(), groups.groups() - chunk * sizes.tiles());
  }

  /** Takes the groups of the next chunk of a block; how many. */
  private int take(int chunk) {
    int firstGroup = chunk * sizes.tiles();
    int count = 0;
    for (int tile = 0; tile < tiles(chunk); tile++) {
      int mask = 0;
      for (int row = 0; row < Blocks.ROWS; row++) {
        long group = groups.take(row, firstGroup + tile);
        if (group >= 0) {
          mask |= 1 << row;
          kept[count] = group;
          count++;
        }
      }
      masks[tile] = mask;
    }
    return count;
  }

  /** Bytes of the chunks. */
  long bytes() {
    return chunkStart(chunkStart.length - 1);
  }

  /** The chunks. */
  MemorySegment chunks(Arena arena) {
    MemorySegment stream = arena.allocate(Math.max(bytes(), 1), ChunkSizes.UNIT);
    for (int block = 0; block < blocks; block++) {
      groups.begin(block);
      for (int chunk = 0; chunk < blockChunks; chunk++) {
        write(chunk, stream, chunkStart(block * blockChunks + chunk));
      }
    }
    return stream.asSlice(0, bytes());
  }

  private void write(int chunk, MemorySegment stream, long at) {
    int count = take(chunk);
    int tiles = tiles(chunk);
    if (sizes.sparse()) {
      for (int tile = 0; tile < tiles; tile++) {
        stream.set(ValueLayout.JAVA_INT, at + (long) Integer.BYTES * tile, masks[tile]);
      }
    }
    long codes = at + sizes.maskBytes(tiles);
    long scales = codes + ChunkSizes.aligned(count * groups.grouping().codeBytes());
    long zeros = scales + ChunkSizes.aligned(count * Short.BYTES);
    int first = 0;
    for (int tile = 0; tile < tiles; tile++) {
      int ofTile = Integer.bitCount(masks[tile]);
      codes = writeTile(stream, codes, first, ofTile);
      first += ofTile;
    }
    for (int i = 0; i < count; i++) {
      stream.set(ValueLayout.JAVA_SHORT, scales + (long) Short.BYTES * i, groups.scale(kept[i]));
      if (!groups.grouping().symmetric()) {
        stream.set(ValueLayout.JAVA_BYTE, zeros + i, groups.zero(kept[i]));
      }
    }
  }

  /** Writes the codes of a tile, by steps and in a step by rows; where they end. */
  private long writeTile(MemorySegment stream, long at, int first, int count) {
    int codeBytes = groups.grouping().codeBytes();
    int step = Math.min(groups.grouping().size(), STEP) * groups.grouping().bits() / 8;
    long next = at;
    for (int from = 0; from < codeBytes; from += step) {
      for (int i = 0; i < count; i++) {
        groups.codes(kept[first + i], from, step, stream, next);
        next += step;
      }
    }
    return next;
  }

  /** Bytes of the chunks {@code [0, chunk)} of the blocks of a panel. */
  private long bytesBefore(int panel, int chunk) {
    int behind = Math.min((panel + 1) * Blocks.PANEL, blocks);
    long bytes = 0;
    for (int block = panel * Blocks.PANEL; block < behind; block++) {
      int first = block * blockChunks;
      bytes += chunkStart(first + chunk) - chunkStart(first);
    }
    return bytes;
  }

  /** Cuts a panel into slices of about equal bytes. */
  private void cut(int panel, int columns, int[] cuts) {
    int first = panel * blockChunks;
    long bytes = bytesBefore(panel, blockChunks);
    int slices = sizes.slices(bytes, columns);
    int chunk = 0;
    for (int slice = 0; slice < slices; slice++) {
      // Every slice has a chunk, so that there is one left for each that follows.
      int least = slice == 0 ? 0 : chunk + 1;
      int most = blockChunks - (slices - slice);
      chunk = least;
      while (chunk < most && bytesBefore(panel, chunk) < bytes * slice / slices) {
        chunk++;
      }
      cuts[panelSlice[panel] + slice] = first + chunk;
    }
    panelSlice[panel + 1] = panelSlice[panel] + slices;
    cuts[panelSlice[panel + 1]] = first + blockChunks;
  }

  int[] chunkStarts() {
    return chunkStart;
  }

  int[] sliceChunks() {
    return sliceChunk;
  }

  int[] panelSlices() {
    return panelSlice;
  }

  /** Panel and slice of each unit of work with slices. */
  int[] sliceUnits() {
    return units(slices -> slices);
  }

  /** Panel and share of each unit of work with shares. */
  int[] shareUnits() {
    return units(ChunkSizes::shares);
  }

  /**
   * Units in the same place of their panels are neighbours: they read the same part of x, or nearly
   * so.
   */
  private int[] units(IntUnaryOperator ofSlices) {
    int[] counts = new int[panelSlice.length - 1];
    Arrays.setAll(counts, p -> ofSlices.applyAsInt(panelSlice[p + 1] - panelSlice[p]));
    int[] units = new int[2 * Arrays.stream(counts).sum()];
    int at = 0;
    for (int place = 0; at < units.length; place++) {
      for (int panel = 0; panel < counts.length; panel++) {
        if (place < counts[panel]) {
          units[at++] = panel;
          units[at++] = place;
        }
      }
    }
    return units;
  }
}
