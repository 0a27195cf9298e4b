package dev.warpwright.kernels.cpu.attention;

import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.WorkerPool;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.PageBuffer;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.PageTransferSpec.Direction;
import dev.warpwright.kernels.attention.SlotArray;
import dev.warpwright.kernels.cpu.HostDevice;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Copies pages; one chunk of work is one page. */
final class PageTransferVector extends PageTransfer {
  private final WorkerPool workers;
  private final KvPoolVector inside;
  private final boolean gather;
  private final PageCopies[] copies;

  // The arguments of the run that is under way: fields, so that a run makes no closure.
  private final WorkerPool.ChunkTask copy = this::copy;
  private Tensor pages;
  private MemorySegment keys = MemorySegment.NULL;
  private MemorySegment values = MemorySegment.NULL;
  private MemorySegment positions = MemorySegment.NULL;
  private List<Tensor> numbers = List.of();

  PageTransferVector(HostDevice device, PageTransferSpec spec, KvPool pool) {
    super(device, spec, pool, 0);
    workers = device.pool();
    inside = (KvPoolVector) pool;
    gather = spec.direction() == Direction.GATHER;
    copies = new PageCopies[workers.threads()];
    for (int i = 0; i < copies.length; i++) {
      copies[i] = new PageCopies(inside);
    }
    pages = Tensor.wrap(new int[0], 0);
    workspaceIs(copies.length * copies[0].bytes());
  }

  @Override
  protected void execute(int count, Tensor numbered, PageBuffer buffer) {
    pages = numbered;
    keys = buffer.keys().segment();
    values = buffer.values().segment();
    positions = buffer.positions().segment();
    numbers = buffer.numbers();
    workers.run(count, copy);
  }

  private void copy(int index, int worker) {
    int page = pages.getInt(index);
    if (gather) {
      copies[worker].exportPage(page, index, keys, values, positions);
    } else {
      copies[worker].importPage(page, index, keys, values, positions);
    }
    for (int i = 0; i < inside.arrayCount(); i++) {
      SlotArray array = inside.array(i);
      long bytes = (long) spec().pool().pageSize() * array.width() * Float.BYTES;
      MemorySegment all = array.tensor().segment();
      MemorySegment outside = numbers.get(i).segment();
      if (gather) {
        MemorySegment.copy(all, page * bytes, outside, index * bytes, bytes);
      } else {
        MemorySegment.copy(outside, index * bytes, all, page * bytes, bytes);
      }
    }
  }

  @Override
  protected void release() {}
}
