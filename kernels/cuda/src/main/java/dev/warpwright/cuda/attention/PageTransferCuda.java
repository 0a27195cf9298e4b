package dev.warpwright.cuda.attention;

import dev.warpwright.cuda.CudaKernelDevice;
import dev.warpwright.cuda.CudaRun;
import dev.warpwright.cuda.runtime.CudaFunction;
import dev.warpwright.cuda.runtime.LaunchGrid;
import dev.warpwright.kernels.DType;
import dev.warpwright.kernels.Tensor;
import dev.warpwright.kernels.attention.KvPool;
import dev.warpwright.kernels.attention.KvPoolSpec;
import dev.warpwright.kernels.attention.PageBuffer;
import dev.warpwright.kernels.attention.PageTransfer;
import dev.warpwright.kernels.attention.PageTransferSpec;
import dev.warpwright.kernels.attention.PageTransferSpec.Direction;
import dev.warpwright.kernels.attention.SlotArray;

/**
 * Starts {@code page_transfer.cu} for keys, values, positions and every array of numbers. A buffer
 * in host memory goes through the staging area some pages at a time.
 */
final class PageTransferCuda extends PageTransfer {
  private static final int THREADS = 128;

  /** Bytes that a thread copies at once: the most that the places of pages allow. */
  private static final int[] WORDS = {16, 4, 2, 1};

  /** Words of a thread in a round. */
  private static final int UNROLL = 4;

  /** Most bytes of keys and values that are staged at once. */
  private static final long STAGED = 1 << 22;

  private final CudaKernelDevice device;
  private final KvPoolCuda pages;

  /** By words. */
  private final CudaFunction[] kernels;

  private final int pagesAtOnce;

  PageTransferCuda(CudaKernelDevice device, PageTransferSpec spec, KvPool pool) {
    this.device = device;
    pages = (KvPoolCuda) pool;
    CudaFunction[] byWord = new CudaFunction[WORDS.length];
    for (int i = 0; i < WORDS.length; i++) {
      byWord[i] = device.function("attention/page_transfer", "page_transfer_" + WORDS[i]);
    }
    kernels = byWord;
    int atOnce = Math.clamp(STAGED / (2 * vectorBytes(spec.pool())), 1, spec.maxPages());
    device.reserve(staged(pool, atOnce));
    pagesAtOnce = atOnce;
    super(device, spec, pool, 0);
  }

  /** Bytes of the keys of a page. */
  private static long vectorBytes(KvPoolSpec pool) {
    return (long) pool.pageSize() * pool.headDim() * pool.dtype().bytes();
  }

  /** Bytes of the staging area for some pages and their numbers. */
  private static long staged(KvPool pool, int count) {
    long slots = (long) count * pool.spec().pageSize();
    long bytes =
        2 * CudaRun.staged(count * vectorBytes(pool.spec()))
            + CudaRun.staged(slots * DType.I32.bytes())
            + CudaRun.staged((long) count * DType.I32.bytes());
    for (int i = 0; i < pool.arrayCount(); i++) {
      bytes += CudaRun.staged(slots * pool.array(i).width() * DType.F32.bytes());
    }
    return bytes;
  }

  @Override
  protected void execute(int count, Tensor named, PageBuffer buffer) {
    for (int from = 0; from < count; from += pagesAtOnce) {
      int to = Math.min(count, from + pagesAtOnce);
      try (CudaRun run = device.begin()) {
        run.require(staged(pool(), to - from)); // arrays may have been attached since
        long which = run.input(named.slice(from, to));
        boolean unseen = !named.isHost();
        copy(run, pages.keys(), buffer.keys().slice(from, to), which, unseen);
        copy(run, pages.values(), buffer.values().slice(from, to), which, unseen);
        copy(run, pages.positions(), buffer.positions().slice(from, to), which, unseen);
        for (int i = 0; i < pages.arrayCount(); i++) {
          SlotArray array = pages.array(i);
          Tensor numbers = buffer.numbers().get(i).slice(from, to);
          copy(run, CudaRun.address(array.tensor()), numbers, which, unseen);
        }
        run.complete();
      }
    }
  }

  /** Copies one array's part of some pages. */
  private void copy(CudaRun run, long ofPool, Tensor part, long which, boolean unseen) {
    boolean intoPool = spec().direction() == Direction.SCATTER;
    long address = intoPool ? run.input(part) : run.output(part);
    int count = Math.toIntExact(part.size(0));
    long bytes = part.bytes() / count;
    int form = 0;
    while ((bytes | address) % WORDS[form] != 0) {
      form++;
    }
    long words = bytes / WORDS[form];
    run.arguments()
        .add(ofPool)
        .add(address)
        .add(which)
        .add(words)
        .add(spec().pool().headPages())
        .add(intoPool ? 1 : 0);
    run.guard(spec().kernel(), unseen);
    int parts = Math.toIntExact(Math.ceilDiv(words, (long) UNROLL * THREADS));
    run.launch(kernels[form], new LaunchGrid(count, Math.min(parts, 64), 1, THREADS, 1, 1, 0));
  }

  @Override
  protected void release() {}
}
