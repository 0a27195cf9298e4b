package dev.warpwright.cuda.sparse;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.runtime.KernelArguments;
import dev.warpwright.kernels.sparse.Grouping;
import dev.warpwright.kernels.sparse.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The layout of {@code groups.cuh}. */
final class GroupCudaMatrix extends CudaMatrix {
  private final ChunkSizes sizes;
  private final int groups;
  private final int slices;
  private final int shares;
  private final long stream;
  private final long chunkStarts;
  private final long sliceChunks;
  private final long panelSlices;
  private final long sliceUnits;
  private final long shareUnits;

  GroupCudaMatrix(CudaKernelDevice device, WeightMatrix matrix, KeptGroups kept, GroupStream from) {
    int[] bySlice = from.sliceUnits();
    int[] byShare = from.shareUnits();
    super(
        device,
        matrix,
        room(from.chunks().byteSize())
            + room(bytes(from.chunkStarts()))
            + room(bytes(from.sliceChunks()))
            + room(bytes(from.panelSlices()))
            + room(bytes(bySlice))
            + room(bytes(byShare)));
    sizes = kept.sizes();
    groups = kept.groups();
    slices = bySlice.length / 2;
    shares = byShare.length / 2;
    try (Arena arena = Arena.ofShared()) {
      stream = put(from.chunks());
      chunkStarts = put(copy(arena, from.chunkStarts()));
      sliceChunks = put(copy(arena, from.sliceChunks()));
      panelSlices = put(copy(arena, from.panelSlices()));
      sliceUnits = put(copy(arena, bySlice));
      shareUnits = put(copy(arena, byShare));
    } catch (RuntimeException e) {
      close();
      throw e;
    }
  }

  private static long bytes(int[] table) {
    return (long) Integer.BYTES * table.length;
  }

  private static MemorySegment copy(Arena arena, int[] table) {
    return arena.allocate(bytes(table), Integer.BYTES).copyFrom(MemorySegment.ofArray(table));
  }

  static GroupCudaMatrix of(CudaKernelDevice device, WeightMatrix matrix, KeptGroups kept) {
    try (Arena arena = Arena.ofShared()) {
      GroupStream stream = new GroupStream(arena, kept, matrix.rows(), matrix.columns());
      return new GroupCudaMatrix(device, matrix, kept, stream);
    }
  }

  @Override
  int slices() {
    return slices;
  }

  @Override
  int shares() {
    return shares;
  }

  @Override
  void addTo(KernelArguments arguments) {
    Grouping grouping = sizes.grouping();
    arguments
        .add(stream)
        .add(chunkStarts)
        .add(sliceChunks)
        .add(panelSlices)
        .add(sliceUnits)
        .add(shareUnits)
        .add(slices)
        .add(groups)
        .add(grouping.size())
        .add(sizes.tiles())
        .add(grouping.symmetric() ? grouping.zero() : -1)
        .add(sizes.most());
  }
}
