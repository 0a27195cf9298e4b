package dev.warpwright.cuda.sparse;

import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The layout of {@code groups.cuh}. */
final class GroupForm extends MatrixForm {
  private final GroupStream stream;

  /** What finds the chunks, in the order of {@code GroupMatrix} in the source. */
  private final int[][] tables;

  private final int slices;
  private final int shares;

  GroupForm(KeptGroups groups, WeightMatrix matrix) {
    stream = new GroupStream(groups, matrix.rows(), matrix.columns());
    int[] bySlice = stream.sliceUnits();
    int[] byShare = stream.shareUnits();
    tables =
        new int[][] {
          stream.chunkStarts(), stream.sliceChunks(), stream.panelSlices(), bySlice, byShare
        };
    slices = bySlice.length / 2;
    shares = byShare.length / 2;
  }

  @Override
  public int slices() {
    return slices;
  }

  @Override
  public int shares() {
    return shares;
  }

  @Override
  long[] partBytes() {
    long[] bytes = new long[1 + tables.length];
    bytes[0] = stream.bytes();
    for (int i = 0; i < tables.length; i++) {
      bytes[1 + i] = (long) Integer.BYTES * tables[i].length;
    }
    return bytes;
  }

  @Override
  MemorySegment[] parts(Arena arena) {
    long[] bytes = partBytes();
    MemorySegment[] parts = new MemorySegment[bytes.length];
    parts[0] = stream.chunks(arena);
    for (int i = 0; i < tables.length; i++) {
      parts[1 + i] =
          arena.allocate(bytes[1 + i], Integer.BYTES).copyFrom(MemorySegment.ofArray(tables[i]));
    }
    return parts;
  }

  @Override
  public int recordBytes() {
    return (1 + tables.length) * Long.BYTES + 2 * Integer.BYTES;
  }

  @Override
  void writeRecord(long[] addresses, MemorySegment to, long at) {
    for (int i = 0; i < addresses.length; i++) {
      to.set(ValueLayout.JAVA_LONG, at + (long) Long.BYTES * i, addresses[i]);
    }
    long behind = at + (long) Long.BYTES * addresses.length;
    to.set(ValueLayout.JAVA_INT, behind, slices);
    to.set(ValueLayout.JAVA_INT, behind + Integer.BYTES, shares);
  }
}
